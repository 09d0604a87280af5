/**
 * The Cache API (`caches.default`, `caches.open(name)`) of this node. A cell asks with GET (match), PUT (put) and PURGE (delete), as
 * workerd asks its cache. Which account's cache it is follows from the version that the cell runs: all workers of an account share one, as
 * those of a zone do on Cloudflare, and nobody else sees it.
 */
import { STATUS_CODES } from 'node:http';
import type { Logger } from '../../log/types.ts';
import type { BindingCall } from '../../supervisor/types.ts';
import { select } from './conditions.ts';
import { headerOf, storable, without } from './freshness.ts';
import { type CacheKey, type CacheStore, type StoredResponse, TooLarge } from './store.ts';

export interface CacheOptions {
  readonly store: CacheStore;
  readonly log: Logger;
}

/** Statuses without a body: a stored one is not sent. */
const NO_BODY = new Set([101, 204, 205, 304]);
const MISS = ['cf-cache-status', 'MISS'];

/** Answers the cache calls of all cells. */
export function createCache({ store, log }: CacheOptions): (call: BindingCall) => void {
  const operations: Readonly<Record<string, (store: CacheStore, call: BindingCall, key: CacheKey) => Promise<void>>> = {
    GET: match,
    PUT: put,
    PURGE: purge,
  };
  return (call) => {
    const operation = operations[call.method];
    if (operation === undefined || call.cache === undefined) {
      call.fail({ name: 'TypeError', message: 'The cache knows no such operation.' });
      return;
    }
    const key = { accountId: call.caller.version.accountId, cache: call.cache.name, url: call.url };
    operation(store, call, key).catch((error: Error) => {
      log.warn('The cache failed', { operation: call.method, error: error.message });
      call.fail({ name: 'Error', message: 'The cache is not available.' });
    });
  };
}

async function match(store: CacheStore, call: BindingCall, key: CacheKey): Promise<void> {
  let gone = false;
  call.onAbort = () => {
    gone = true;
  };
  const stored = await store.get(key);
  if (stored === undefined) {
    answer(call, 504, 'Gateway Timeout', MISS);
    return;
  }
  if (gone) {
    await stored.close();
    return;
  }
  const selection = select(call.headers, stored);
  const headers = hitHeaders(stored);
  if (selection.kind === 'part') {
    const { start, end } = selection;
    const length = ['content-length', String(end - start + 1)];
    const range = ['content-range', `bytes ${start}-${end}/${stored.bodyBytes}`];
    call.respond(206, 'Partial Content', [...without(headers, 'content-length'), ...range, ...length]);
    send(call, stored, start, end);
    return;
  }
  if (selection.kind === 'whole' && stored.bodyBytes > 0 && !NO_BODY.has(stored.status)) {
    call.respond(stored.status, stored.statusText, headers);
    send(call, stored, 0, stored.bodyBytes - 1);
    return;
  }
  await stored.close();
  if (selection.kind === 'not-modified') answer(call, 304, 'Not Modified', headers);
  else if (selection.kind === 'whole') answer(call, stored.status, stored.statusText, headers);
  else {
    const range = ['content-range', `bytes */${stored.bodyBytes}`];
    answer(call, 416, 'Range Not Satisfiable', [...without(headers, 'content-length'), ...range]);
  }
}

/** `age` is said from the first whole second on. */
function hitHeaders({ headers, storedAtMs }: StoredResponse): string[] {
  const before = Number(headerOf(headers, 'age') ?? 0);
  const age = (Number.isFinite(before) ? before : 0) + Math.floor((Date.now() - storedAtMs) / 1000);
  const kept = without(headers, 'age', 'cf-cache-status');
  return [...kept, ...(age > 0 ? ['age', String(age)] : []), 'cf-cache-status', 'HIT'];
}

/** From the file to the cell, as fast as the cell reads. */
function send(call: BindingCall, stored: StoredResponse, start: number, end: number): void {
  const body = stored.read(start, end);
  call.onDrain = () => body.resume();
  call.onAbort = () => body.destroy();
  body.on('data', (chunk: Buffer) => {
    if (!call.write(chunk)) body.pause();
  });
  body.on('end', () => call.end());
  body.on('error', () => call.fail({ name: 'Error', message: 'The cached response cannot be read.' }));
}

async function put(store: CacheStore, call: BindingCall, key: CacheKey): Promise<void> {
  const head = call.cache?.put;
  if (head === undefined) {
    call.fail({ name: 'TypeError', message: 'There is no response to be stored.' });
    return;
  }
  const nowMs = Date.now();
  const keep = storable(call.headers, nowMs);
  if (keep === undefined) {
    await drain(call);
    answer(call, 204, 'No Content', []);
    return;
  }
  const length = call.bodyBytes === null ? [] : ['content-length', String(call.bodyBytes)];
  const { status } = head;
  const statusText = head.statusText === '' ? (STATUS_CODES[status] ?? '') : head.statusText;
  const freshUntilMs = nowMs + keep.seconds * 1000;
  const stored = { status, statusText, headers: [...keep.headers, ...length], storedAtMs: nowMs, freshUntilMs };
  let aborted = false;
  call.onAbort = () => {
    aborted = true;
  };
  try {
    await store.put(key, stored, call.body);
    answer(call, 204, 'No Content', []);
  } catch (error) {
    if (error instanceof TooLarge) answer(call, 413, 'Content Too Large', []);
    else if (!aborted) throw error;
  }
}

/** A body that is not kept is read all the same: `put()` is over when it is. */
async function drain({ body }: BindingCall): Promise<void> {
  if (body === null) return;
  body.resume();
  await new Promise<void>((resolve) => {
    body.once('close', resolve);
  });
}

async function purge(store: CacheStore, call: BindingCall, key: CacheKey): Promise<void> {
  if (await store.delete(key)) answer(call, 200, 'OK', []);
  else answer(call, 404, 'Not Found', []);
}

function answer(call: BindingCall, status: number, statusText: string, headers: readonly string[]): void {
  call.respond(status, statusText, headers);
  call.end();
}
