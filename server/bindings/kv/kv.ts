/** KV namespaces as workers reach them. */
import { addTo } from '../../../shared/counts.ts';
import { KV_LIMITS } from '../../../shared/limits.ts';
import { type KvOperationLabel, kvFailure, kvValueProblem } from '../../../shared/kv.ts';
import type { KvNamespaceBinding } from '../../../shared/worker.ts';
import type { Logger } from '../../log/types.ts';
import { AccountSlots } from '../../storage/account-slots.ts';
import { codeOf } from '../../storage/errors.ts';
import { type KvEntry, type KvLargeValue, type KvNamespace, KvRefused, type KvStore } from '../../storage/kv/types.ts';
import { readBounded } from '../../storage/read-bounded.ts';
import type { BindingCall, WorkerEvent } from '../../supervisor/types.ts';
import { createDataBinding, type Operation, OperationError } from '../data-binding.ts';
import { sendChunks } from '../send-chunks.ts';
import { type BulkGet, readBulkGet, readGet, readKey, readList, readPut, refuse, refuseWith } from './arguments.ts';
import type { KvReader } from './reader.ts';

export interface KvBindingOptions {
  readonly store: KvStore;
  readonly reader: KvReader;
  readonly onEvent: (event: WorkerEvent) => void;
  readonly log: Logger;
}

const LABELS: Readonly<Record<string, KvOperationLabel>> = {
  get: 'GET',
  getMany: 'GET_BULK',
  put: 'PUT',
  delete: 'DELETE',
  list: 'GET',
};

/** The broker's handler of KV bindings. */
export function createKvBinding(options: KvBindingOptions): ReturnType<typeof createDataBinding<KvNamespaceBinding>> {
  const kv = new KvOperations(options.store, options.reader);
  const operations = {
    get: kv.get,
    getMany: kv.getMany,
    put: kv.put,
    delete: kv.delete,
    list: kv.list,
  } satisfies Record<string, Operation<KvNamespaceBinding>>;
  return createDataBinding<KvNamespaceBinding>({
    operations: Object.fromEntries(
      Object.entries(operations).map(([name, operation]) => [name, withWords(name, operation)]),
    ),
    onEvent: options.onEvent,
    log: options.log,
    unavailable: (error, operation) =>
      kvFailure(
        LABELS[operation] ?? 'GET',
        503,
        `Service Unavailable: the database of this platform ${stateOf(error)}.`,
      ),
  });
}

/** SQLSTATE class 53: it answers, and has no disk, memory or connections left. */
const stateOf = ({ cause }: Error): string => (codeOf(cause).startsWith('53') ? 'is full' : 'does not answer');

/** What storage refuses, in the words of the runtime. */
function withWords(name: string, operation: Operation<KvNamespaceBinding>): Operation<KvNamespaceBinding> {
  const label = LABELS[name] as KvOperationLabel;
  return (call, binding, args) =>
    operation(call, binding, args)?.catch((error: unknown) => {
      if (error instanceof KvRefused) refuseWith(label, error.status, error.message);
      throw error;
    });
}

class KvOperations {
  readonly #store: KvStore;
  readonly #reader: KvReader;
  /** Large values on their way, in all and by account. */
  readonly #open = new Map<string, number>();
  #openCount = 0;
  readonly #bulkReads = new AccountSlots(KV_LIMITS.maxBulkReads, KV_LIMITS.maxBulkReadsPerAccount);

  constructor(store: KvStore, reader: KvReader) {
    this.#store = store;
    this.#reader = reader;
  }

  async #namespaceOf(
    call: BindingCall,
    binding: KvNamespaceBinding,
    label: KvOperationLabel,
    looking: KvNamespace | null | Promise<KvNamespace | null> = this.#find(call, binding),
  ): Promise<KvNamespace> {
    const found = await looking;
    if (found !== null) return found;
    return refuseWith(label, 404, `The namespace of binding ${binding.name} does not exist any more.`);
  }

  #find(call: BindingCall, { namespaceId }: KvNamespaceBinding): KvNamespace | Promise<KvNamespace | null> {
    return this.#store.findNamespace(call.caller.version.accountId, namespaceId);
  }

  readonly get: Operation<KvNamespaceBinding> = (call, binding, args) => {
    const { key } = readGet(args);
    const namespace = this.#find(call, binding);
    // Handed on, not asked again: a look-up that fails with nobody listening would end the server.
    if (namespace instanceof Promise) return this.#get(call, binding, key, namespace);
    const entries = this.#reader.read(namespace, [key]);
    if (entries instanceof Promise) return entries.then(([entry]) => this.#sendEntry(call, entry ?? null));
    return this.#sendEntry(call, entries[0] ?? null);
  };

  async #get(
    call: BindingCall,
    binding: KvNamespaceBinding,
    key: string,
    looking: Promise<KvNamespace | null>,
  ): Promise<void> {
    const namespace = await this.#namespaceOf(call, binding, 'GET', looking);
    const [entry] = await this.#reader.read(namespace, [key]);
    await this.#sendEntry(call, entry ?? null);
  }

  #sendEntry(call: BindingCall, entry: KvEntry | null): Promise<void> | void {
    if (entry === null) call.answer(null, NOTHING);
    else if (entry.largeValueId === null) call.answer({ metadata: entry.metadata }, entry.value);
    else return this.#withLarge(call, 'GET', () => this.#sendLarge(call, entry));
  }

  async #sendLarge(call: BindingCall, entry: KvEntry): Promise<void> {
    const pieces = this.#store.readLarge(call.caller.version.accountId, entry)[Symbol.asyncIterator]();
    const first = await pieces.next();
    call.respondWith({ metadata: entry.metadata });
    const rest = { [Symbol.asyncIterator]: () => pieces };
    await sendChunks(call, first.done === true ? rest : joined([first.value], rest));
  }

  /** Few at a time: its values lie here whole, and more than once, until the worker has taken the answer. */
  readonly getMany: Operation<KvNamespaceBinding> = async (call, binding, args) => {
    const question = readBulkGet({ ...(args as object), keys: await keysOf(call) });
    await this.#bulkReads.run(call.caller.version.accountId, () => this.#getMany(call, binding, question));
  };

  async #getMany(call: BindingCall, binding: KvNamespaceBinding, { keys, type }: BulkGet): Promise<void> {
    const namespace = await this.#namespaceOf(call, binding, 'GET_BULK');
    const entries = await this.#reader.read(namespace, keys);
    const bytes = entries.reduce((sum, entry) => sum + (entry?.size ?? 0), 0);
    if (bytes > KV_LIMITS.maxBulkReadBytes) {
      const limit = KV_LIMITS.maxBulkReadBytes / 1024 / 1024;
      refuseWith('GET_BULK', 413, `Total size of request exceeds the limit of ${limit}MB`);
    }
    const answer: [key: string, value: string | null, metadata: string | null][] = [];
    for (const [index, entry] of entries.entries()) {
      const value = entry === null ? null : decoder.decode(await this.#wholeValue(call, entry));
      if (type === 'json' && value !== null && !isJson(value)) {
        refuseWith('GET_BULK', 400, 'At least one of the requested keys corresponds to a non-json value');
      }
      answer.push([keys[index] as string, value, entry?.metadata ?? null]);
    }
    const content = Buffer.from(JSON.stringify(answer));
    if (content.length <= KV_LIMITS.pieceBytes) {
      call.answer(null, content);
      return;
    }
    call.respondWith(null);
    await sendChunks(call, piecesOf(content));
  }

  async #wholeValue(call: BindingCall, entry: KvEntry): Promise<Buffer> {
    if (entry.largeValueId === null) return entry.value;
    const pieces: Buffer[] = [];
    await this.#withLarge(call, 'GET_BULK', async () => {
      for await (const piece of this.#store.readLarge(call.caller.version.accountId, entry)) pieces.push(piece);
    });
    return Buffer.concat(pieces);
  }

  readonly put: Operation<KvNamespaceBinding> = async (call, binding, args) => {
    const { key, metadata, expiresAt } = readPut(args, Math.floor(Date.now() / 1000));
    if ((call.bodyBytes ?? 0) > KV_LIMITS.maxValueBytes) refuse(kvValueProblem(call.bodyBytes as number));
    const namespace = await this.#namespaceOf(call, binding, 'PUT');
    const value = call.wholeBody ?? (await this.#readValue(call, namespace.number));
    if (value instanceof Uint8Array && value.length > KV_LIMITS.maxInlineBytes) throw new Error('Not an inline value');
    await this.#store.put({ namespace: namespace.number, key, value, metadata, expiresAt });
    call.answer(null, NOTHING);
  };

  /** Small ones whole, large ones in the store. */
  async #readValue(call: BindingCall, namespace: number): Promise<Uint8Array | KvLargeValue> {
    const chunks = chunksOf(call);
    const head: Uint8Array[] = [];
    let bytes = 0;
    for (;;) {
      const next = await chunks.next();
      if (next.done === true) return Buffer.concat(head);
      head.push(next.value);
      bytes += next.value.length;
      if (bytes > KV_LIMITS.maxInlineBytes) break;
    }
    await this.#store.requireRoom(namespace, call.bodyBytes ?? bytes);
    return await this.#withLarge(call, 'PUT', () =>
      this.#store.writeLarge(call.caller.version.accountId, joined(head, chunks)),
    );
  }

  readonly delete: Operation<KvNamespaceBinding> = async (call, binding, args) => {
    const key = readKey('DELETE', (args as { readonly key?: unknown } | null)?.key);
    const namespace = await this.#namespaceOf(call, binding, 'DELETE');
    await this.#store.delete(namespace.number, key);
    call.answer(null, NOTHING);
  };

  readonly list: Operation<KvNamespaceBinding> = async (call, binding, args) => {
    const query = readList(args);
    const namespace = await this.#namespaceOf(call, binding, 'GET');
    const { keys, cursor } = await this.#store.list(namespace.number, query);
    const answer = { keys: keys.map(({ name, expiresAt, metadata }) => [name, expiresAt, metadata]), cursor };
    call.answer(null, Buffer.from(JSON.stringify(answer)));
  };

  /** Holds one of the places for large values meanwhile. */
  async #withLarge<T>(call: BindingCall, label: KvOperationLabel, work: () => Promise<T>): Promise<T> {
    const { accountId } = call.caller.version;
    const own = this.#open.get(accountId) ?? 0;
    if (this.#openCount >= KV_LIMITS.maxOpenLargeValues || own >= KV_LIMITS.maxOpenLargeValuesPerAccount) {
      return refuseWith(label, 429, 'Too many large values are being read or written on this node. Try again later.');
    }
    addTo(this.#open, accountId, 1);
    this.#openCount++;
    try {
      return await work();
    } finally {
      addTo(this.#open, accountId, -1);
      this.#openCount--;
    }
  }
}

const NOTHING = Buffer.alloc(0);

/** As `text()` of a body: what is no UTF-8 becomes U+FFFD, and a byte order mark goes. */
const decoder = new TextDecoder();

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

async function keysOf(call: BindingCall): Promise<unknown> {
  const limit = KV_LIMITS.maxBulkReadRequestBytes;
  const body = await readBounded(chunksOf(call), limit, () =>
    refuseWith('GET_BULK', 414, `The keys together exceed the limit of ${limit} bytes.`),
  );
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    throw new OperationError('The keys of this operation are no JSON.', 'TypeError');
  }
}

/** The call's body, and an end with an error when it has more bytes than a value may. */
async function* chunksOf(call: BindingCall): AsyncGenerator<Uint8Array, void> {
  if (call.wholeBody !== null) {
    if (call.wholeBody.length > 0) yield call.wholeBody;
    return;
  }
  let bytes = 0;
  for await (const chunk of call.body ?? []) {
    bytes += (chunk as Buffer).length;
    if (bytes > KV_LIMITS.maxValueBytes) refuse(kvValueProblem(bytes));
    yield chunk as Buffer;
  }
}

async function* piecesOf(content: Buffer): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < content.length; at += KV_LIMITS.pieceBytes)
    yield content.subarray(at, at + KV_LIMITS.pieceBytes);
}

async function* joined(head: readonly Uint8Array[], rest: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield* head;
  yield* rest;
}
