/**
 * Modules that Workers has by name so that programs can import them, while what they stand for (processes, threads, sockets, a debugger)
 * is not there. Each answers exactly as Workers does: with an empty fact, nothing, or `ERR_METHOD_NOT_IMPLEMENTED`.
 */
export { inspector, traceEvents, v8, vm, wasi } from './engine.ts';
export { moduleModule } from './module.ts';
export { childProcess, cluster, domain, workerThreads } from './processes.ts';
export { dgram, http2, os, sqlite, streamWrap } from './system.ts';
export { readline, readlinePromises, repl, tty } from './terminal.ts';
