/**
 * The process that starts cells, and does nothing else. Whoever starts a process has his page tables copied and waits until the new one runs:
 * in the server, with 100 MB and more, that takes 5 to 15 ms in which nobody is answered, and every page it writes to afterwards
 * costs a fault. Here it takes a millisecond or two of nobody's time.
 *
 * It has no environment, opens nothing and knows no secrets. It ends with its standard input, that is with the server, however that ends;
 * and every cell ends with it (what has just been started by its hand, everything else also by `--die-with-parent` and PR_SET_PDEATHSIG).
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { CHANNEL_LIMITS } from '../../shared/limits.ts';
import { childrenOf, signalQuietly } from './cell-facts.ts';
import { mayRaisePriority, PRIORITY_STEPS, setCellPriority } from './priority.ts';
import type { FromSpawner, SpawnCommand, ToSpawner } from './spawner-messages.ts';

const children = new Map<number, ChildProcess>();

const say = (message: FromSpawner): void => void process.stdout.write(`${JSON.stringify(message)}\n`);

function start(id: number, { file, args, environment, infoFd, givesWay }: SpawnCommand): void {
  const stdio = ['ignore', 'ignore', 'pipe'] as ('ignore' | 'pipe')[];
  if (infoFd !== null) stdio[infoFd] = 'pipe';
  const child = spawn(file, args, { stdio, env: environment, cwd: '/' });
  children.set(id, child);
  let stderr = (): string => '';
  const over = (how: string): void => {
    if (children.delete(id)) say({ type: 'exited', id, how, stderr: stderr() });
  };
  child.once('error', (error) => over(error.message));
  child.once('close', (code, signal) => over(`exit code ${code}, signal ${signal}`));
  // Not started: `error` says why.
  if (child.pid === undefined) return;
  if (givesWay) letGiveWay(child.pid);
  stderr = collectStderr(child);
  const pid = infoFd === null ? Promise.resolve(child.pid) : pidFromInfo(child.stdio[infoFd] as Readable);
  pid.then(
    (found) => {
      // What bubblewrap has forked before it was lowered itself is not lowered.
      if (givesWay) letGiveWay(found);
      say({ type: 'pid', id, pid: found });
    },
    (error: Error) => say({ type: 'no-pid', id, reason: error.message }),
  );
}

/**
 * SIGKILL to a program and to what it has started. Not to the program alone: bubblewrap's second process waits for a word of the first one
 * before it asks to die with it, and would wait for ever.
 */
function end(child: ChildProcess): void {
  const { pid } = child;
  if (pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  // Whoever stands still starts nothing more; nor does whoever is to die, if it was just about to.
  signalQuietly(pid, 'SIGSTOP');
  endChildrenOf(pid);
  signalQuietly(pid, 'SIGKILL');
  endChildrenOf(pid);
}

function endChildrenOf(pid: number): void {
  for (const child of childrenOf(pid)) signalQuietly(child, 'SIGKILL');
}

/** Whatever the kernel refuses concerns one cell. */
function startOrSay(id: number, command: SpawnCommand): void {
  try {
    start(id, command);
  } catch (error) {
    say({ type: 'exited', id, how: (error as Error).message, stderr: '' });
  }
}

function letGiveWay(pid: number): void {
  if (mayRaisePriority) setCellPriority(pid, PRIORITY_STEPS.givesWay);
}

/** bubblewrap writes `{"child-pid": N, …}` once the namespaces are there. */
function pidFromInfo(info: Readable): Promise<number> {
  return new Promise((resolve, reject) => {
    let text = '';
    info.setEncoding('utf8');
    info.on('data', (chunk: string) => {
      text += chunk;
    });
    info.on('close', () => {
      const pid = /"child-pid":\s*(\d+)/.exec(text)?.[1];
      if (pid === undefined) reject(new Error('bubblewrap did not say which process is the cell'));
      else resolve(Number(pid));
    });
    info.on('error', reject);
  });
}

function collectStderr(child: ChildProcess): () => string {
  let text = '';
  const stderr = child.stderr as Readable;
  stderr.setEncoding('utf8');
  stderr.on('data', (chunk: string) => {
    if (text.length < CHANNEL_LIMITS.maxStderrBytes)
      text += chunk.slice(0, CHANNEL_LIMITS.maxStderrBytes - text.length);
    // The harness writes nothing here once it runs: whatever floods this pipe is not ours.
    else child.kill('SIGKILL');
  });
  stderr.on('error', () => undefined);
  return () => text.trim();
}

// Whoever stops a whole service signals all of its processes: the server lets its cells finish first, and this one ends with it.
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => undefined);
// Without a server there is nothing to start, and nobody to end what was started.
process.stdout.on('error', () => process.exit());
createInterface({ input: process.stdin })
  .on('line', (line) => {
    const message = JSON.parse(line) as ToSpawner;
    if (message.type === 'start') startOrSay(message.id, message);
    else {
      const child = children.get(message.id);
      if (child !== undefined) end(child);
    }
  })
  .on('close', () => {
    for (const child of children.values()) end(child);
    process.exit();
  });
