/** What tests of the supervisor share: workers from source text, requests, and what came of them. */
import { createHash, randomUUID } from 'node:crypto';
import { Readable, type Duplex } from 'node:stream';
import type {
  Binding,
  ModuleContent,
  ModuleType,
  VersionLimits,
  WorkerFormat,
  WorkerVersion,
} from '../../shared/worker.ts';
import type { Dispatcher, FetchControl, FetchSink, InvocationFailure } from '../../server/supervisor/types.ts';

export const TEST_ACCOUNT = 'a'.repeat(32);

export type ModuleSource = string | Uint8Array;

export interface WorkerSpec {
  /** `TEST_ACCOUNT` when absent. */
  readonly accountId?: string;
  readonly name: string;
  /** By name; the type follows from the extension (`.js` esm, `.cjs` commonjs, `.wasm`, `.txt` and `.html` text, `.bin` data, `.json`). */
  readonly modules: Readonly<Record<string, ModuleSource>>;
  /** The first module when absent. */
  readonly mainModule?: string;
  readonly format?: WorkerFormat;
  readonly bindings?: readonly Binding[];
  readonly limits?: VersionLimits;
  readonly compatibilityDate?: string;
  readonly compatibilityFlags?: readonly string[];
  readonly annotations?: Readonly<Record<string, string>>;
}

const TYPE_OF_EXTENSION: Readonly<Record<string, ModuleType>> = {
  js: 'esm',
  mjs: 'esm',
  cjs: 'commonjs',
  wasm: 'wasm',
  txt: 'text',
  html: 'text',
  bin: 'data',
  json: 'json',
};

function moduleOf(name: string, source: ModuleSource): ModuleContent {
  const content = typeof source === 'string' ? Buffer.from(source, 'utf8') : source;
  const type = TYPE_OF_EXTENSION[name.slice(name.lastIndexOf('.') + 1)] ?? 'esm';
  return { name, type, content, hash: createHash('sha256').update(content).digest('hex'), sizeBytes: content.length };
}

export interface BuiltVersion {
  readonly version: WorkerVersion;
  readonly modules: readonly ModuleContent[];
}

let versionCount = 0;

/** A version with an id of its own, as the storage would give it. */
export function buildVersion(spec: WorkerSpec): BuiltVersion {
  const modules = Object.entries(spec.modules).map(([name, source]) => moduleOf(name, source));
  const version: WorkerVersion = {
    id: randomUUID(),
    accountId: spec.accountId ?? TEST_ACCOUNT,
    workerId: `worker-${spec.name}`,
    workerName: spec.name,
    number: ++versionCount,
    createdAt: new Date(0),
    format: spec.format ?? 'modules',
    mainModule: spec.mainModule ?? (modules[0] as ModuleContent).name,
    compatibilityDate: spec.compatibilityDate ?? '2026-01-01',
    compatibilityFlags: spec.compatibilityFlags ?? [],
    bindings: spec.bindings ?? [],
    limits: spec.limits ?? {},
    modules: modules.map(({ name, type, hash, sizeBytes }) => ({ name, type, hash, sizeBytes })),
    annotations: spec.annotations ?? {},
  };
  return { version, modules };
}

/** A service binding to another worker of the test's account. */
export const serviceBinding = (name: string, service: string): Binding => ({ type: 'service', name, service });

export interface TestRequest {
  /** A path, or an absolute URL. */
  readonly url?: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>> | readonly string[];
  /** A stream has no known length and is sent chunked. */
  readonly body?: string | Uint8Array | Readable;
  readonly upgrade?: boolean;
}

export interface TestAnswer {
  /** 0: no head came. */
  readonly status: number;
  readonly statusText: string;
  /** Flat, as the sink got them. */
  readonly raw: readonly string[];
  /** Lower-case names; the lines of one name joined by `, `. */
  readonly headers: Readonly<Record<string, string>>;
  readonly bytes: Buffer;
  /** The body as UTF-8 text. */
  readonly body: string;
  /** Undefined: the answer came whole. */
  readonly failure: InvocationFailure | undefined;
}

/** One call under way. */
export interface OpenCall {
  readonly control: FetchControl;
  /** Settles with the end of the answer, or its failure. Never rejects. */
  readonly done: Promise<TestAnswer>;
  /** Settles when the head is there (or when there will be none). */
  readonly head: Promise<void>;
  /** Settles with the raw connection when the worker switched protocols; rejects when it did not. */
  readonly upgraded: Promise<{ readonly headers: readonly string[]; readonly socket: Duplex; readonly head: Buffer }>;
  /** Bytes of the body that have come. */
  receivedBytes(): number;
}

export interface OpenOptions {
  /** Called with each chunk; false asks the supervisor to pause (then call `control.resume()`). Bodies are not kept then. */
  readonly onData?: (chunk: Buffer) => boolean;
}

export function openCall(
  dispatcher: Dispatcher,
  version: WorkerVersion,
  request: TestRequest,
  options: OpenOptions = {},
): OpenCall {
  const sink = new CollectingSink(options.onData);
  const body = bodyOf(request.body);
  const control = dispatcher.fetch(
    {
      version,
      method: request.method ?? 'GET',
      url: absolute(version, request.url ?? '/'),
      headers: flat(version, request),
      body: body.stream,
      bodyBytes: body.bytes,
      upgrade: request.upgrade ?? false,
    },
    sink,
  );
  return { control, done: sink.done, head: sink.headCame, upgraded: sink.upgraded, receivedBytes: () => sink.bytes };
}

const hostOf = (version: WorkerVersion): string => `${version.workerName}.dev.localhost:8787`;

const absolute = (version: WorkerVersion, url: string): string =>
  url.startsWith('/') ? `http://${hostOf(version)}${url}` : url;

function flat(version: WorkerVersion, { headers, url }: TestRequest): string[] {
  const host = url === undefined || url.startsWith('/') ? hostOf(version) : new URL(url).host;
  const given = Array.isArray(headers) ? (headers as string[]) : Object.entries(headers ?? {}).flat();
  return ['host', host, ...given];
}

function bodyOf(body: TestRequest['body']): { stream: Readable | null; bytes: number | null } {
  if (body === undefined) return { stream: null, bytes: null };
  if (body instanceof Readable) return { stream: body, bytes: null };
  const bytes = Buffer.from(body as string);
  return { stream: Readable.from([bytes]), bytes: bytes.length };
}

type Upgraded = Awaited<OpenCall['upgraded']>;

/** Fails loudly when the supervisor breaks the contract of `FetchSink`: exactly one end, nothing after it. */
class CollectingSink implements FetchSink {
  readonly done: Promise<TestAnswer>;
  readonly headCame: Promise<void>;
  readonly upgraded: Promise<Upgraded>;
  bytes = 0;
  readonly #onData: ((chunk: Buffer) => boolean) | undefined;
  readonly #chunks: Buffer[] = [];
  #status = 0;
  #statusText = '';
  #raw: readonly string[] = [];
  #ended = false;
  #finish!: (answer: TestAnswer) => void;
  #fail!: (error: Error) => void;
  #headSettled!: () => void;
  #upgrade!: { resolve: (value: Upgraded) => void; reject: (error: Error) => void };

  constructor(onData: ((chunk: Buffer) => boolean) | undefined) {
    this.#onData = onData;
    this.done = new Promise((resolve, reject) => {
      this.#finish = resolve;
      this.#fail = reject;
    });
    this.headCame = new Promise((resolve) => {
      this.#headSettled = resolve;
    });
    this.upgraded = new Promise((resolve, reject) => {
      this.#upgrade = { resolve, reject };
    });
    this.upgraded.catch(() => undefined);
  }

  head(status: number, statusText: string, headers: string[]): void {
    this.#expectOpen('head');
    if (this.#status !== 0) this.#fail(new Error('The sink got two heads'));
    this.#status = status;
    this.#statusText = statusText;
    this.#raw = [...headers];
    this.#headSettled();
  }

  data(chunk: Buffer): boolean {
    this.#expectOpen('data');
    if (this.#status === 0) this.#fail(new Error('The sink got data before a head'));
    this.bytes += chunk.length;
    if (this.#onData !== undefined) return this.#onData(chunk);
    this.#chunks.push(Buffer.from(chunk));
    return true;
  }

  end(): void {
    this.#expectOpen('end');
    this.#settle(undefined);
  }

  fail(failure: InvocationFailure): void {
    this.#expectOpen('fail');
    this.#settle(failure);
  }

  upgrade(headers: string[], socket: Duplex, head: Buffer): void {
    this.#expectOpen('upgrade');
    this.#status = 101;
    this.#raw = [...headers];
    this.#upgrade.resolve({ headers, socket, head });
    this.#settle(undefined);
  }

  #expectOpen(what: string): void {
    if (this.#ended) this.#fail(new Error(`The sink got ${what} after its end`));
  }

  #settle(failure: InvocationFailure | undefined): void {
    this.#ended = true;
    this.#headSettled();
    const bytes = Buffer.concat(this.#chunks);
    this.#upgrade.reject(new Error(`No upgrade: status ${this.#status}, ${failure?.reason ?? 'no failure'}`));
    const { joined } = joinHeaders(this.#raw);
    this.#finish({
      status: this.#status,
      statusText: this.#statusText,
      raw: this.#raw,
      headers: joined,
      bytes,
      body: bytes.toString('utf8'),
      failure,
    });
  }
}

function joinHeaders(raw: readonly string[]): { joined: Record<string, string> } {
  const joined: Record<string, string> = {};
  for (let index = 0; index < raw.length; index += 2) {
    const name = raw[index] as string;
    const value = raw[index + 1] as string;
    joined[name] = joined[name] === undefined ? value : `${joined[name]}, ${value}`;
  }
  return { joined };
}

/** All values of one header in a flat list. */
export const valuesOf = (raw: readonly string[], name: string): string[] =>
  raw.filter((_value, index) => index % 2 === 1 && raw[index - 1] === name);
