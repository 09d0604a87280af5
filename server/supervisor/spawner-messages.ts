/** What the server and the process that starts cells say to each other: a line of JSON each. */

/** One program to start. */
export interface SpawnCommand {
  readonly file: string;
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** bubblewrap says there, as `{"child-pid": N, …}`, which process is the cell; null: it is the program itself. */
  readonly infoFd: number | null;
  /** It runs at lower priority from the beginning. */
  readonly givesWay: boolean;
}

export type ToSpawner =
  | ({ readonly type: 'start'; readonly id: number } & SpawnCommand)
  | { readonly type: 'kill'; readonly id: number };

export type FromSpawner =
  | { readonly type: 'pid'; readonly id: number; readonly pid: number }
  /** Nobody can say which process it is. It ends, too. */
  | { readonly type: 'no-pid'; readonly id: number; readonly reason: string }
  | { readonly type: 'exited'; readonly id: number; readonly how: string; readonly stderr: string };
