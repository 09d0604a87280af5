/**
 * Keeps the last part of the disk for the platform itself. Quotas are promises to each account, and their sum may be more than the disk: on
 * one that is full PostgreSQL stops, and nobody can deploy, or write the row that would make room. So before that what accounts store is refused.
 */
import { statfsSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import type { Logger } from '../log/types.ts';

export interface DiskRoom {
  /** Nothing of an account's that takes more space is stored now. */
  readonly isShort: boolean;
}

export interface OpenDiskRoom extends DiskRoom {
  close(): void;
}

/** What a worker or a deployer hears. */
export const DISK_SHORT =
  'The disk of this platform is nearly full: nothing more is stored until its operator has made room.';

/** Where the disk does not matter, or somebody else looks after it. */
export const ENOUGH_ROOM: DiskRoom = { isShort: false };

/** What is written in this time has to fit into the reserve. */
const LOOK_MS = 500;
/** There is room again when this much more than the reserve is free, in parts of it: nobody is to be let in and thrown out by turns. */
const SLACK = 0.05;

interface Space {
  readonly bavail: number;
  readonly bsize: number;
}

export interface DiskRoomOptions {
  /** Any folder on the disk. */
  readonly folder: string;
  /** 0: none is kept. */
  readonly reserveBytes: number;
  readonly log: Logger;
  /** For tests: how much there is. */
  readonly ask?: () => Promise<Space>;
}

/** Begins to look. @throws the system's error when the folder cannot be asked about */
export function watchDisk({ folder, reserveBytes, log, ask = () => statfs(folder) }: DiskRoomOptions): OpenDiskRoom {
  if (reserveBytes === 0) return { ...ENOUGH_ROOM, close: () => undefined };
  let isShort = false;
  const judge = ({ bavail, bsize }: Space): void => {
    const freeBytes = bavail * bsize;
    const wasShort = isShort;
    isShort = freeBytes < reserveBytes * (wasShort ? 1 + SLACK : 1);
    if (isShort === wasShort) return;
    const facts = { folder, freeMiB: toMiB(freeBytes), reserveMiB: toMiB(reserveBytes) };
    if (isShort) log.error('The disk is nearly full: what accounts store is refused until there is more room', facts);
    else log.info('There is room on the disk again', facts);
  };
  judge(statfsSync(folder));
  let isAsking = false;
  const timer = setInterval(() => {
    if (isAsking) return;
    isAsking = true;
    ask()
      .then(judge)
      .catch((error: unknown) => log.warn('How much room the disk has could not be read', { folder, error }))
      .finally(() => (isAsking = false));
  }, LOOK_MS).unref();
  return {
    get isShort() {
      return isShort;
    },
    close: () => clearInterval(timer),
  };
}

const toMiB = (bytes: number): number => Math.floor(bytes / 1024 ** 2);
