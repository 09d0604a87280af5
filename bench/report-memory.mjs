/** Loaded into a measured server before its own code: tells its parent what its heap holds once a garbage collection is done. */
// Threads of the server load this file, too, and have no channel.
const { channel } = process;
if (channel) process.on('message', answer);
// Being asked must not keep the server alive.
channel?.unref();

function answer(message) {
  if (message !== 'memory?') return;
  globalThis.gc();
  const { heapUsed, external, arrayBuffers } = process.memoryUsage();
  process.send({ heapUsed, external, arrayBuffers });
}
