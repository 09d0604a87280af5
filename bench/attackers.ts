/** Starting and stopping the processes that attack. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import type { Attack } from './attacker.ts';

export interface Attacker {
  /** Where its own server listens, for workers that ask outwards. */
  readonly origin: string;
  attack(attack: Attack): void;
  stop(): Promise<void>;
}

/** How much lower than the platform's its priority is. */
const PRIORITY_BELOW = 10;
const LOWEST_PRIORITY = 19;

/** Starts a process that attacks nobody yet. `usualPriority`: that of the platform. */
export async function startAttacker(usualPriority: number): Promise<Attacker> {
  const program = join(import.meta.dirname, 'attacker.ts');
  const priority = Math.min(LOWEST_PRIORITY, usualPriority + PRIORITY_BELOW);
  const child = spawn(process.execPath, ['--import=tsx', program, String(priority)], {
    detached: true,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  child.stdin.on('error', () => undefined);
  const exited = new Promise<void>((done) => child.once('exit', () => done()));
  const origin = await new Promise<string>((done, reject) => {
    let text = '';
    child.stdout.setEncoding('utf8');
    child.stdout.on('data', (chunk: string) => {
      text += chunk;
      const found = /^ready (\S+)\n/.exec(text)?.[1];
      if (found !== undefined) done(found);
    });
    void exited.then(() => reject(new Error('The attacking process ended before it was ready')));
  });
  return {
    origin,
    attack: (one) => child.stdin.write(`${JSON.stringify(one)}\n`),
    stop: async () => {
      child.kill('SIGKILL');
      await exited;
    },
  };
}
