/** Which sessions of PostgreSQL's give way, by what the kernel says of their processor time. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DATABASE_LIMITS } from '../../shared/limits.ts';
import { SessionPriorities, type SessionProcess } from '../../server/storage/databases/session-priority.ts';

const { sessionCpuMsPerSecond, sessionCpuCheckMs } = DATABASE_LIMITS;
const LOOKS_PER_SECOND = 1000 / sessionCpuCheckMs;

/** A machine with these sessions, whose time the test lets pass. */
function machine(...sessions: SessionProcess[]) {
  const cpu = new Map<number, number>();
  const steps = new Map<number, number>();
  let isBusy = false;
  const priorities = new SessionPriorities(() => sessions, {
    cpuMs: (processId) => cpu.get(processId) ?? 0,
    setSteps: (processId, stepsDown) => {
      if (!isBusy) steps.set(processId, stepsDown);
      return !isBusy;
    },
  });
  return {
    priorities,
    sessions,
    refuse: (refuses: boolean) => (isBusy = refuses),
    givesWay: (processId: number) => (steps.get(processId) ?? 0) > 0,
    /** Each of these sessions uses so much between two looks. */
    look: (used: Readonly<Record<number, number>> = {}, times = 1): void => {
      for (let time = 0; time < times; time++) {
        for (const [processId, ms] of Object.entries(used)) {
          cpu.set(Number(processId), (cpu.get(Number(processId)) ?? 0) + ms);
        }
        priorities.look();
      }
    },
  };
}

const ownedBy = (accountId: string, ...processIds: number[]): SessionProcess[] =>
  processIds.map((processId) => ({ accountId, processId }));

test('all sessions of an account that computes give way, and nobody else’s', () => {
  const { look, givesWay } = machine(...ownedBy('mallory', 1, 2), ...ownedBy('victim', 3));
  look();
  look({ 1: sessionCpuCheckMs, 3: 5 });
  assert.deepEqual([1, 2, 3].map(givesWay), [true, true, false]);
});

test('many sessions that each take a little count together', () => {
  const processIds = Array.from({ length: 30 }, (_, index) => index + 1);
  const { look, givesWay } = machine(...ownedBy('mallory', ...processIds));
  look();
  look(Object.fromEntries(processIds.map((id) => [id, 10])));
  assert.ok(processIds.every(givesWay));
});

test('who stays below the limit keeps its place, and who was above gets it back when it is quiet', () => {
  const { look, givesWay } = machine(...ownedBy('steady', 1), ...ownedBy('burst', 2));
  look();
  look({ 1: (sessionCpuMsPerSecond / LOOKS_PER_SECOND) * 0.9, 2: sessionCpuCheckMs }, 1);
  assert.deepEqual([1, 2].map(givesWay), [false, true]);
  look({ 1: (sessionCpuMsPerSecond / LOOKS_PER_SECOND) * 0.9 }, 10 * LOOKS_PER_SECOND);
  assert.deepEqual([1, 2].map(givesWay), [false, false]);
});

test('a new session of who computes gives way from its first moment, and connecting without end is computing', () => {
  const { look, givesWay, priorities, sessions } = machine(...ownedBy('mallory', 1));
  look();
  look({ 1: sessionCpuCheckMs });
  sessions.push(...ownedBy('mallory', 2));
  priorities.connected({ accountId: 'mallory', processId: 2 });
  assert.ok(givesWay(2));
  const flood = machine();
  for (let id = 100; id < 150; id++) flood.priorities.connected({ accountId: 'flood', processId: id });
  flood.look();
  flood.sessions.push(...ownedBy('flood', 150));
  flood.priorities.connected({ accountId: 'flood', processId: 150 });
  assert.ok(flood.givesWay(150));
});

test('what the kernel refuses is asked again', () => {
  const { look, givesWay, refuse } = machine(...ownedBy('mallory', 1));
  look();
  refuse(true);
  look({ 1: sessionCpuCheckMs });
  assert.equal(givesWay(1), false);
  refuse(false);
  look({ 1: sessionCpuCheckMs });
  assert.equal(givesWay(1), true);
});
