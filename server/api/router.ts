/**
 * The table of routes and what surrounds each of them: who is asking, which account, the body, the envelope. Handlers get
 * everything checked and give back a plain value. The OpenAPI document is made from the same table.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ReadableStream } from 'node:stream/web';
import type { ZodType } from 'zod';
import { UPLOAD_LIMITS } from '../../shared/limits.ts';
import type { Catalog } from '../catalog/types.ts';
import type { Logger } from '../log/types.ts';
import type { Link } from '../metrics/links.ts';
import type { WorkerDatabases } from '../storage/databases/databases.ts';
import type { KvStore } from '../storage/kv/types.ts';
import type { ObjectStorage } from '../storage/objects/open.ts';
import type { Hyperdrive } from '../storage/hyperdrive/hyperdrive.ts';
import type { Account, Store, TokenIdentity } from '../storage/store.ts';
import type { StartupChecker, VersionHealthSource } from '../supervisor/types.ts';
import { readBytes } from './body.ts';
import { checkShape, parseJson } from './json.ts';

/** Whether this process can serve, part by part; `/readyz` shows it. */
export interface Readiness {
  readonly ready: boolean;
  readonly parts: Readonly<Record<string, { readonly ok: boolean; readonly message?: string }>>;
  /** Which sandbox layers the cells of this machine get. */
  readonly sandbox: unknown;
}

export interface ApiOptions {
  readonly store: Store;
  /** Databases that Skep makes for workers. */
  readonly databases: WorkerDatabases;
  /** Databases of the users' own. */
  readonly hyperdrive: Hyperdrive;
  readonly kv: KvStore;
  /** Buckets and their objects. */
  readonly objects: ObjectStorage;
  /** Answers the requests that S3 clients have signed; absent: this port has no S3. */
  readonly s3?: {
    readonly isFor: (authorization: string | undefined, url: string | undefined) => boolean;
    readonly handle: (incoming: IncomingMessage, response: ServerResponse) => void;
  };
  readonly catalog: Pick<Catalog, 'waitForChange'>;
  readonly startup: StartupChecker;
  /** How versions do on this node. */
  readonly health: VersionHealthSource;
  readonly log: Logger;
  /** The most that a worker may ask for in its own `limits`. */
  readonly maxLimits: { readonly cpuMs: number; readonly subrequests: number };
  /** Absolute URL at which a worker of the account with this subdomain answers. */
  readonly publicUrl: (workerName: string, accountSubdomain: string) => string;
  readonly readiness: () => Promise<Readiness>;
  /** Who called whom in the last minutes. */
  readonly links?: (accountId: string, workerName: string, minutes: number) => Promise<readonly Link[]>;
  /** Prometheus' text; absent: this process has no metrics. */
  readonly metrics?: () => string;
  /** `UPLOAD_LIMITS.requestTimeoutMs` when absent; tests make it short. */
  readonly requestTimeoutMs?: number;
}

export type Method = 'GET' | 'PUT' | 'POST' | 'PATCH' | 'DELETE';

/** A request whose token is valid. */
export interface ApiRequest<Body = undefined> {
  readonly options: ApiOptions;
  readonly log: Logger;
  readonly identity: TokenIdentity;
  readonly query: URLSearchParams;
  /** Where the client reaches this API: scheme, host and port, as it said itself. */
  readonly origin: string;
  readonly contentType: string;
  /** `wrangler` or `api`: who sent it, from User-Agent. Kept with versions and deployments. */
  readonly source: string;
  /** A path parameter, percent-decoded. Throws when the route has no such parameter. */
  param(name: string): string;
  readonly body: Body;
  /** As it was sent: keys in it may have slashes that routing does not see. */
  readonly url: string;
  header(name: string): string | undefined;
  /** For routes that declare `multipart` or `bytes`: the unread body. */
  readonly stream: ReadableStream<Uint8Array> | null;
}

export interface AccountRequest<Body = undefined> extends ApiRequest<Body> {
  readonly account: Account;
}

/** What a handler gives back: `result` of the envelope, with the page information of lists. */
export interface ApiResult {
  readonly result: unknown;
  readonly resultInfo?: Readonly<Record<string, unknown>>;
  /** The answer itself, in place of an envelope: values and objects travel as they are. */
  readonly raw?: Response;
}

interface RouteBase {
  readonly method: Method;
  /** Under `/client/v4`, with `:name` parameters. */
  readonly path: string;
  readonly summary: string;
  /** What may stand behind the `?`, and what it means. */
  readonly query?: Readonly<Record<string, string>>;
  /** A JSON body of this shape is read and checked. `multipart`, `bytes`: the handler reads `stream` itself. */
  readonly body?: ZodType | 'multipart' | 'bytes';
  /** Bytes that the body may have, when that is more than usual (`UPLOAD_LIMITS.maxJsonBodyBytes`): few such requests run at a time. */
  readonly maxBodyBytes?: number;
  /** What a success is, when it is no envelope. */
  readonly answers?: 'bytes';
}

export interface UserRoute extends RouteBase {
  readonly scope: 'user';
  readonly handle: (request: ApiRequest<never>) => Promise<ApiResult>;
}

/** Its path starts with `/accounts/:account`, and the token may act for that account. */
export interface AccountRoute extends RouteBase {
  readonly scope: 'account';
  readonly handle: (request: AccountRequest<never>) => Promise<ApiResult>;
}

export type Route = UserRoute | AccountRoute;

type Spec<Request> = {
  readonly summary: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly maxBodyBytes?: number;
  readonly answers?: 'bytes';
  readonly handle: (request: Request) => Promise<ApiResult>;
};

/** A route of the token's owner, not of one account. */
export function userRoute(method: Method, path: string, spec: Spec<ApiRequest>): Route {
  return { method, path, scope: 'user', ...spec };
}

/** A route of the token's owner whose JSON body is checked against `body`. */
export function userBodyRoute<Body>(
  method: Method,
  path: string,
  spec: Spec<ApiRequest<Body>> & { readonly body: ZodType<Body> },
): Route {
  return { method, path, scope: 'user', ...spec };
}

/** A route below `/accounts/:account`, without a body. */
export function accountRoute(method: Method, path: string, spec: Spec<AccountRequest>): Route {
  return { method, path: `/accounts/:account${path}`, scope: 'account', ...spec };
}

/** A route below `/accounts/:account` whose JSON body is checked against `body`. */
export function accountBodyRoute<Body>(
  method: Method,
  path: string,
  spec: Spec<AccountRequest<Body>> & { readonly body: ZodType<Body> },
): Route {
  return { method, path: `/accounts/:account${path}`, scope: 'account', ...spec };
}

/** A route below `/accounts/:account` that reads its multipart body itself. */
export function accountUploadRoute(method: Method, path: string, spec: Spec<AccountRequest>): Route {
  return { method, path: `/accounts/:account${path}`, scope: 'account', body: 'multipart', ...spec };
}

/** A route below `/accounts/:account` whose body is bytes, which it reads itself. */
export function accountBytesRoute(method: Method, path: string, spec: Spec<AccountRequest>): Route {
  return { method, path: `/accounts/:account${path}`, scope: 'account', body: 'bytes', ...spec };
}

/** Reads and checks the JSON body that a route declares. Throws ApiError (10026, 10021). */
export async function readJsonBody(
  schema: ZodType,
  stream: ReadableStream<Uint8Array> | null,
  maxBytes: number = UPLOAD_LIMITS.maxJsonBodyBytes,
): Promise<unknown> {
  const bytes = await readBytes(stream, maxBytes);
  return checkShape(schema, parseJson(bytes, 'the body'), 'the body');
}
