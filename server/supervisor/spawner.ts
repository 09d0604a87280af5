/** The server's side of the process that starts cells (`spawner-process.ts`, which says why there is one). */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import type { Logger } from '../log/types.ts';
import type { FromSpawner, SpawnCommand, ToSpawner } from './spawner-messages.ts';

/** A program that was asked for. */
export interface Spawned {
  /** Rejects when it cannot be had. */
  readonly pid: Promise<number>;
  /** Settles when it is gone. `stderr`: what it wrote there, at most `CHANNEL_LIMITS.maxStderrBytes`. */
  readonly exited: Promise<{ readonly how: string; readonly stderr: string }>;
  readonly isOver: () => boolean;
  /** SIGKILL. Idempotent. */
  readonly kill: () => void;
}

interface Waiting {
  readonly foundPid: (pid: number) => void;
  readonly failed: (error: Error) => void;
  readonly ended: (how: string, stderr: string) => void;
}

type SpawnerChild = ChildProcessByStdio<Writable, Readable, null>;

export class Spawner {
  readonly #file: string;
  readonly #log: Logger;
  readonly #waiting = new Map<number, Waiting>();
  #child: SpawnerChild | undefined;
  #nextId = 0;
  #isClosing = false;

  /** `file`: the built program. It is started when it is first needed, and again when it is gone. */
  constructor(file: string, log: Logger) {
    this.#file = file;
    this.#log = log;
  }

  /** Starts the process ahead of the first program: it takes as long as a cell. */
  open(): void {
    this.#child ??= this.#startChild();
  }

  start(command: SpawnCommand): Spawned {
    const child = (this.#child ??= this.#startChild());
    const id = this.#nextId++;
    let isOver = false;
    let foundPid: Waiting['foundPid'] = () => undefined;
    let failed: Waiting['failed'] = () => undefined;
    const pid = new Promise<number>((resolve, reject) => {
      foundPid = resolve;
      failed = reject;
    });
    // Whoever asks is told; not everybody asks.
    pid.catch(() => undefined);
    const exited = new Promise<{ how: string; stderr: string }>((resolve) => {
      const ended = (how: string, stderr: string): void => {
        isOver = true;
        failed(new Error(how));
        resolve({ how, stderr });
      };
      this.#waiting.set(id, { foundPid, failed, ended });
    });
    this.#say(child, { type: 'start', id, ...command });
    return { pid, exited, isOver: () => isOver, kill: () => this.#say(child, { type: 'kill', id }) };
  }

  #say(child: SpawnerChild, message: ToSpawner): void {
    if (child.stdin.writable) child.stdin.write(`${JSON.stringify(message)}\n`);
  }

  #startChild(): SpawnerChild {
    const child = spawn(process.execPath, [...NODE_OPTIONS, this.#file], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: {},
      cwd: '/',
      // On a terminal a session of its own, and so of all cells: nothing to type into, and no Ctrl-C from there before the server has let them
      // finish. Not otherwise: between sessions kernels with autogroups share processors first, whatever priorities say.
      detached: hasTerminal(),
    });
    // How it ended says more than what could not be written to it.
    child.stdin.on('error', () => undefined);
    createInterface({ input: child.stdout }).on('line', (line) => this.#hear(JSON.parse(line) as FromSpawner));
    child.once('error', (error) => this.#lost(child, error.message));
    child.once('close', (code, signal) => this.#lost(child, `exit code ${code}, signal ${signal}`));
    return child;
  }

  #hear(message: FromSpawner): void {
    const waiting = this.#waiting.get(message.id);
    if (waiting === undefined) return;
    if (message.type === 'pid') waiting.foundPid(message.pid);
    else if (message.type === 'no-pid') waiting.failed(new Error(message.reason));
    else {
      this.#waiting.delete(message.id);
      waiting.ended(message.how, message.stderr);
    }
  }

  /** All that it has started ends with it. */
  #lost(child: SpawnerChild, how: string): void {
    if (this.#child !== child) return;
    this.#child = undefined;
    if (!this.#isClosing)
      this.#log.error('The process that starts cells ended; the next cell starts another one', { how });
    const ended = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const each of ended) each.ended(`the process that starts cells ended (${how})`, '');
  }

  /** After the last cell. */
  async close(): Promise<void> {
    this.#isClosing = true;
    const child = this.#child;
    if (child === undefined) return;
    const closed = once(child, 'close');
    child.stdin.end();
    await closed;
  }
}

/** It holds a few names and numbers, and is to be small: the smaller, the faster it starts others. */
const NODE_OPTIONS = ['--max-old-space-size=64', '--max-semi-space-size=1', '--v8-pool-size=0'];

/** Whether this process could be stopped by a key. */
function hasTerminal(): boolean {
  const stat = readFileSync('/proc/self/stat', 'latin1');
  // Behind the name, which may hold spaces: state, parent, group, session, terminal.
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[4] !== '0';
}
