/** Connections that stay open: WebSockets of visitors, WebSockets and sockets of workers. Each holds a descriptor and buffers of the server. */
import { addTo } from '../../shared/counts.ts';
import { CONNECTION_LIMITS } from '../../shared/limits.ts';
import type { WorkerVersion } from '../../shared/worker.ts';

type ConnectionLimits = Readonly<Record<keyof typeof CONNECTION_LIMITS, number>>;

export class ConnectionCounts {
  readonly #byWorker = new Map<string, number>();
  readonly #byAccount = new Map<string, number>();
  #all = 0;
  readonly #limits: ConnectionLimits;

  constructor(limits: ConnectionLimits = CONNECTION_LIMITS) {
    this.#limits = limits;
  }

  /** Why this worker may open no more; undefined: it may. */
  refusal({ workerId, accountId }: WorkerVersion): string | undefined {
    const { perWorker, perAccount, perNode } = this.#limits;
    if (this.#all >= perNode) return `This node holds ${perNode} connections, its most`;
    if ((this.#byAccount.get(accountId) ?? 0) >= perAccount)
      return `The account holds ${perAccount} connections, its most`;
    if ((this.#byWorker.get(workerId) ?? 0) >= perWorker) return `The worker holds ${perWorker} connections, its most`;
    return undefined;
  }

  /** Counts one. Returns what takes it back, once. */
  open({ workerId, accountId }: WorkerVersion): () => void {
    this.#add(workerId, accountId, 1);
    let isOpen = true;
    return () => {
      if (isOpen) this.#add(workerId, accountId, -1);
      isOpen = false;
    };
  }

  get all(): number {
    return this.#all;
  }

  #add(workerId: string, accountId: string, change: 1 | -1): void {
    this.#all += change;
    addTo(this.#byWorker, workerId, change);
    addTo(this.#byAccount, accountId, change);
  }
}
