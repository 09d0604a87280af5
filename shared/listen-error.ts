/** An address that a server of ours cannot listen on. The message is one for the operator: it names the address and what to do. */

export interface ListenTarget {
  /** Begins the sentence: `The gateway`. */
  readonly what: string;
  readonly host: string;
  readonly port: number;
  /** The setting that holds the port. */
  readonly setting: string;
}

export class ListenError extends Error {
  override readonly name = 'ListenError';
  /** The system's own, `EADDRINUSE` for example. */
  readonly code: string | undefined;

  /** `cause`: what listening failed with. */
  constructor(target: ListenTarget, cause: Error) {
    const code = (cause as { code?: string }).code;
    const host = target.host.includes(':') ? `[${target.host}]` : target.host;
    const reason = reasons(target)[code ?? ''] ?? `The system says: ${cause.message}.`;
    super(`${target.what} cannot listen on ${host}:${target.port}. ${reason}`, { cause });
    this.code = code;
  }
}

const reasons = ({ setting }: ListenTarget): Readonly<Record<string, string>> => ({
  EADDRINUSE: `Another program already listens there. Stop it, or choose another port with ${setting} (0 takes any free one).`,
  EACCES: `This user may not use that port. Choose one from 1024 up with ${setting}.`,
  EADDRNOTAVAIL: 'This machine has no such address. Set SKEP_HOST to one it has, such as 127.0.0.1 or 0.0.0.0.',
  ENOTFOUND: 'This host name is not known. Set SKEP_HOST to an address of this machine, such as 127.0.0.1 or 0.0.0.0.',
});
