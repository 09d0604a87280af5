/**
 * As whom PostgreSQL runs. It refuses to run as root, and nobody should be asked to make a user for it.
 *
 * - Skep is an ordinary user: the same user.
 * - Skep is root: an unprivileged system user that exists on this machine and gets through to programs and data. `nobody`
 *   is the last choice because other programs use it too.
 * - No such user gets through (everything below /root, say): root in a user namespace of its own, where it is not root.
 *
 * An existing data directory decides by its owner, so that the choice never changes under it.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { userInfo } from 'node:os';
import { DatabaseError } from '../errors.ts';
import type { Binaries } from './binaries.ts';

export interface Identity {
  /** For `spawn`; undefined: as we are. */
  readonly uid: number | undefined;
  readonly gid: number | undefined;
  /** Programs that wrap the command, each ending where the next one begins. */
  readonly prefix: readonly string[];
}

/** Users that run nothing else of importance, best first. */
const CANDIDATES = ['postgres', 'daemon', 'nobody'];
const NAMESPACE = ['unshare', '--user', '--map-user=65534', '--map-group=65534', '--'];
const OURSELVES: Identity = { uid: undefined, gid: undefined, prefix: [] };

/**
 * Chooses the identity.
 * @param directory the directory whose insides PostgreSQL must reach; exists.
 * @param owned PostgreSQL's own directory, which may not exist yet; its owner, when it does, is the answer.
 * @throws DatabaseError when there is none.
 */
export function chooseIdentity(binaries: Binaries, libraryPath: string, directory: string, owned: string): Identity {
  const owner = statSync(owned, { throwIfNoEntry: false });
  if (process.getuid?.() !== 0) {
    if (owner !== undefined && owner.uid !== process.getuid?.()) throw foreignOwner(owned, owner.uid);
    return OURSELVES;
  }
  const candidates: Identity[] =
    owner === undefined
      ? [...systemUsers(), namespaceIdentity()]
      : [owner.uid === 0 ? namespaceIdentity() : ownerIdentity(owner)];
  const reasons: string[] = [];
  for (const candidate of candidates) {
    const reason = whyNot(candidate, binaries, libraryPath, directory);
    if (reason === null) return candidate;
    reasons.push(reason);
  }
  throw new DatabaseError(
    `Cannot start the embedded PostgreSQL as root: it must run as another user, and none works here (${reasons.join('; ')}). ` +
      'Run Skep as an ordinary user, move it and its data directory to where other users may enter, or set DATABASE_URL.',
  );
}

function namespaceIdentity(): Identity {
  return { uid: undefined, gid: undefined, prefix: NAMESPACE };
}

function ownerIdentity(owner: { uid: number; gid: number }): Identity {
  return { uid: owner.uid, gid: owner.gid, prefix: [] };
}

function systemUsers(): Identity[] {
  const users = new Map<string, Identity>();
  for (const line of readFileSync('/etc/passwd', 'utf8').split('\n')) {
    const [name = '', , uid = '', gid = ''] = line.split(':');
    if (/^\d+$/.test(uid) && uid !== '0') users.set(name, { uid: Number(uid), gid: Number(gid), prefix: [] });
  }
  return CANDIDATES.map((name) => users.get(name)).filter((identity) => identity !== undefined);
}

/** Tries it: enters the directory and runs PostgreSQL's smallest command. Null: it works. */
function whyNot(identity: Identity, binaries: Binaries, libraryPath: string, directory: string): string | null {
  const [command, ...args] = [
    ...identity.prefix,
    '/bin/sh',
    '-c',
    'cd -- "$1" && exec "$2" --version',
    'sh',
    directory,
    binaries.postgres,
  ];
  const result = spawnSync(command, args, {
    cwd: '/',
    env: { LD_LIBRARY_PATH: libraryPath, PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
    encoding: 'utf8',
    timeout: 10_000,
    ...(identity.uid === undefined ? {} : { uid: identity.uid, gid: identity.gid }),
  });
  if (result.status === 0) return null;
  const who = identity.uid === undefined ? 'a user namespace' : `uid ${identity.uid}`;
  return `${who}: ${result.error?.message ?? result.stderr.trim().split('\n').at(-1) ?? `exit ${result.status}`}`;
}

function foreignOwner(owned: string, uid: number): DatabaseError {
  return new DatabaseError(
    `Cannot start the embedded PostgreSQL: "${owned}" belongs to uid ${uid}, and Skep runs as ${userInfo().username}. ` +
      'Start Skep as the user who first started it (root for system users), or set SKEP_DATA_DIR to another directory.',
  );
}
