/** Limits whose check needs no cell: one below and at the limit is taken, one above is refused, by the check itself and in words. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseJson } from '../../server/api/json.ts';
import { checkVariables } from '../../server/api/upload/bindings.ts';
import { readMetadata } from '../../server/api/upload/metadata.ts';
import { normaliseModuleName } from '../../server/api/upload/modules.ts';
import { readMultipart, type UploadPart } from '../../server/api/upload/multipart.ts';
import { checkWorkerName } from '../../server/api/workers.ts';
import { readResponseHead } from '../../server/routing/headers.ts';
import { findOrigins } from '../../server/source-map-places.ts';
import { mapStackTraces } from '../../server/stack-traces.ts';
import { renewalMs } from '../../server/supervisor/cpu-account.ts';
import { HeldBytes } from '../../server/supervisor/held-bytes.ts';
import { WaitingPlaces } from '../../server/supervisor/waiting-line.ts';
import { CHANNEL_LIMITS, GATEWAY_LIMITS, QUEUE_LIMITS, SOURCE_MAP_LIMITS, UPLOAD_LIMITS } from '../../shared/limits.ts';
import { type ModuleContent, SOURCE_MAP_PREFIX, type WorkerVersion } from '../../shared/worker.ts';
import { bodyStream, ESM, MULTIPART_TYPE, multipartBody } from '../support/multipart.ts';

/** Why a value is refused; undefined: it is taken. */
type Check = (size: number) => string | undefined | Promise<string | undefined>;

const reasonOf = async (run: () => unknown): Promise<string | undefined> => {
  try {
    await run();
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
};

const metadataPart = (metadata: unknown): UploadPart => ({
  name: 'metadata',
  filename: undefined,
  contentType: 'text/plain',
  content: Buffer.from(JSON.stringify(metadata)),
  hash: '',
});
const metadataReason = (metadata: object): Promise<string | undefined> =>
  reasonOf(() =>
    readMetadata([metadataPart({ main_module: 'a', ...metadata })], { cpuMs: 100, subrequests: 50 }, new Date()),
  );

const services = (count: number) =>
  Array.from({ length: count }, (_v, n) => ({ type: 'service' as const, name: `B${n}`, service: 'other' }));

const CHECKS: readonly (readonly [what: string, limit: number, refused: RegExp, check: Check])[] = [
  [
    'UTF-8 bytes of a module name',
    UPLOAD_LIMITS.maxModuleNameBytes,
    /longer than 512 bytes/,
    (size) => {
      const name = normaliseModuleName(`${'ü'.repeat(Math.floor(size / 2))}${'x'.repeat(size % 2)}`);
      return name.ok ? undefined : name.reason;
    },
  ],
  [
    'characters of a worker’s name',
    UPLOAD_LIMITS.maxWorkerNameLength,
    /63/,
    (size) => reasonOf(() => checkWorkerName('x'.repeat(size))),
  ],
  [
    'bindings in the metadata',
    UPLOAD_LIMITS.maxBindings,
    /bindings/,
    (size) => metadataReason({ bindings: services(size) }),
  ],
  [
    'bindings with those kept',
    UPLOAD_LIMITS.maxBindings,
    /has 513 bindings; 512 are allowed/,
    (size) => checkVariables(services(size)).map(({ message }) => message)[0],
  ],
  [
    'annotations',
    UPLOAD_LIMITS.maxAnnotations,
    /17 annotations; 16 are allowed/,
    (size) =>
      metadataReason({
        annotations: Object.fromEntries(Array.from({ length: size }, (_v, n) => [`workers/a${n}`, 'x'])),
      }),
  ],
  [
    'bytes of the metadata',
    UPLOAD_LIMITS.maxMetadataBytes,
    /larger than/,
    (size) => metadataReason({ pad: 'x'.repeat(size - JSON.stringify({ main_module: 'a', pad: '' }).length) }),
  ],
  [
    'levels of JSON',
    UPLOAD_LIMITS.maxJsonDepth,
    /nested deeper than 64 levels/,
    (size) => reasonOf(() => parseJson(Buffer.from(`${'['.repeat(size)}${']'.repeat(size)}`), 'the body')),
  ],
  [
    'header bytes of a multipart part',
    UPLOAD_LIMITS.maxPartHeaderBytes,
    /./,
    async (size) => {
      const whole = (name: string): Buffer =>
        multipartBody([
          { name: 'metadata', content: '{}' },
          { name, content: 'x', type: ESM, filename: 'x.js' },
        ]);
      const around = `Content-Disposition: form-data; name=""; filename="x.js"\r\nContent-Type: ${ESM}\r\n\r\n`.length;
      const name = 'n'.repeat(size - around);
      const reason = await reasonOf(async () => {
        const parts = await readMultipart(bodyStream(whole(name)), MULTIPART_TYPE);
        assert.equal(parts[1]?.name, name, 'the name came whole');
      });
      return reason;
    },
  ],
  [
    'header bytes of a worker’s response',
    GATEWAY_LIMITS.maxResponseHeaderBytes,
    /131073 bytes of headers, at most 131072 are allowed/,
    (size) =>
      readResponseHead(
        ['a', '', 'large', 'x'.repeat(size - 'a: \r\nlarge: \r\n'.length)],
        200,
        GATEWAY_LIMITS.maxResponseHeaderBytes,
      ).problem,
  ],
  [
    'requests of one account that wait',
    QUEUE_LIMITS.waitingPerAccount,
    /^2500 requests of this account wait/,
    (size) => takePlaces(size, () => 'account'),
  ],
  [
    'requests of a node that wait',
    QUEUE_LIMITS.waitingPerNode,
    /^5000 requests wait on this node/,
    (size) => takePlaces(size, (n) => `account ${n % 7}`),
  ],
  [
    'open calls of a cell',
    CHANNEL_LIMITS.maxOpenCalls,
    /no room/,
    (size) => {
      const held = new HeldBytes();
      for (let n = 1; n < size; n++) held.opened(n, 0);
      return held.hasRoom ? undefined : 'no room';
    },
  ],
  [
    'bytes that a cell leaves with the server',
    CHANNEL_LIMITS.maxHeldBytes,
    /too much/,
    (size) => {
      const held = new HeldBytes();
      held.opened(1, 1_000);
      held.closed(1);
      held.opened(2, 0);
      held.received(2, size - 2_048 + 500);
      held.taken(2, 500);
      return held.isTooMuch ? 'too much' : undefined;
    },
  ],
];

function takePlaces(count: number, accountOf: (n: number) => string): string | undefined {
  const places = new WaitingPlaces();
  let refused: string | undefined;
  for (let n = 0; n < count; n++) refused ??= places.take(accountOf(n));
  return refused;
}

for (const [what, limit, refused, check] of CHECKS) {
  test(`${limit - 1} and ${limit} ${what} are taken, ${limit + 1} are not`, async () => {
    assert.equal(await check(limit - 1), undefined);
    assert.equal(await check(limit), undefined);
    assert.match((await check(limit + 1)) ?? 'taken', refused);
  });
}

test('what lasts has its CPU budget anew every second, a large one so much later that it has a tenth of a processor', () => {
  assert.deepEqual(
    [10, 99, 100, 101, 30_000].map((budgetMs) => renewalMs(budgetMs)),
    [1_000, 1_000, 1_000, 1_010, 300_000],
  );
});

/** The stack of an exception of a version whose one map has so many bytes. */
function stackWithMap(bytes: number): Promise<string | undefined> {
  const map = { version: 3, sources: ['src/a.ts'], names: [], mappings: 'AAAA', file: '' };
  const content = Buffer.from(JSON.stringify({ ...map, file: 'x'.repeat(bytes - JSON.stringify(map).length) }));
  const module: ModuleContent = {
    name: `${SOURCE_MAP_PREFIX}index.js.map`,
    type: 'text',
    hash: 'h',
    sizeBytes: bytes,
    content,
  };
  const version = { id: 'v', modules: [module] } as unknown as WorkerVersion;
  const event = { type: 'exception', version, invocationId: 1, pipelineId: 'p', name: 'Error', message: 'm' } as const;
  return new Promise((resolve) => {
    const listen = mapStackTraces({
      loadModules: () => Promise.resolve([module]),
      findOrigins: (map, places) => Promise.resolve(findOrigins(map, places)),
      onEvent: (passed) => resolve(passed.type === 'exception' ? passed.stack : undefined),
    });
    listen({ ...event, stack: 'Error: m\n    at f (index.js:1:1)' });
  });
}

test('a source map of up to 8 MiB is read; one byte more, and the stack is told as it came', async () => {
  const { maxBytes } = SOURCE_MAP_LIMITS;
  for (const bytes of [maxBytes - 1, maxBytes]) assert.match((await stackWithMap(bytes)) ?? '', /src\/a\.ts:1:1/);
  assert.match((await stackWithMap(maxBytes + 1)) ?? '', /index\.js:1:1/);
});

test('the places of 256 versions are kept; with one more, those of the one that threw first are looked up again', async () => {
  const reads: string[] = [];
  const throwIn = (id: string): Promise<unknown> =>
    new Promise((resolve) => {
      told = resolve;
      const modules = [{ name: `${SOURCE_MAP_PREFIX}x.map`, type: 'text' }];
      const version = { id, accountId: 'a', modules } as unknown as WorkerVersion;
      const stack = 'Error\n    at f (x:1:1)';
      listen({ type: 'exception', version, invocationId: 1, pipelineId: 'p', name: 'Error', message: '', stack });
    });
  let told: (event: unknown) => void = () => undefined;
  const listen = mapStackTraces({
    loadModules: (version) => {
      reads.push(version.id);
      return Promise.resolve([]);
    },
    findOrigins: () => assert.fail('there is no map'),
    onEvent: (event) => told(event),
  });
  const ids = Array.from({ length: SOURCE_MAP_LIMITS.versionsKept }, (_v, n) => `v${n}`);
  for (const id of [...ids, 'v0']) await throwIn(id);
  assert.deepEqual(reads, ids, 'all are kept');
  await throwIn('one more');
  await throwIn('v2');
  assert.deepEqual(reads.slice(ids.length), ['one more'], 'v2 is kept');
  await throwIn('v1');
  assert.deepEqual(reads.slice(ids.length), ['one more', 'v1']);
});
