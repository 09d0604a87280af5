/** What all parts of one gateway share. Made once by `createGateway`; the parts know each other only through it. */
import type { Catalog } from '../catalog/types.ts';
import type { Logger } from '../log/types.ts';
import type { HostName } from '../routing/host.ts';
import type { AddressTest } from '../routing/address.ts';
import type { FetchDispatcher } from '../supervisor/types.ts';
import type { GATEWAY_LIMITS } from '../../shared/limits.ts';
import type { GatewayCounters } from './counters.ts';
import type { Exchange } from './exchange.ts';
import type { Tunnels } from './tunnel.ts';
import type { Watchdog } from './watchdog.ts';

/** Units are in the names. `maxBodyBytes` 0: no limit. */
export type GatewayLimits = { readonly [Name in keyof typeof GATEWAY_LIMITS]: number };

/** What /readyz answers; `detail` is its JSON beside `ready`. */
export interface Readiness {
  readonly ready: boolean;
  readonly detail?: Readonly<Record<string, unknown>>;
}

export interface GatewayCore {
  readonly catalog: Pick<Catalog, 'findByHost'>;
  readonly dispatcher: FetchDispatcher;
  readonly log: Logger;
  readonly limits: GatewayLimits;
  readonly counters: GatewayCounters;
  readonly watchdog: Watchdog;
  readonly tunnels: Tunnels;
  readonly isTrusted: AddressTest;
  readonly newRay: () => string;
  readonly parseHost: (host: string) => HostName | null;
  readonly readyz: () => Readiness;
  /** Sends the head of this exchange's answer soon, should no body have taken it along by then. */
  readonly flushSoon: (exchange: Exchange) => void;
  /** Writes to the log, at most so often: a worker that fails on every request must not drown the log. */
  readonly report: (message: string, fields: Readonly<Record<string, unknown>>) => void;
  /** True from the start of `close()`: every answer is the last of its connection. */
  isDraining: boolean;
}
