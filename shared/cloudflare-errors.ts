/**
 * The errors of the control API: Cloudflare's code, the HTTP status, the sentence, and what to do about it.
 *
 * wrangler decides by the code (10007 = "the worker does not exist, create it"), so a code is never given a second
 * meaning. Codes and sentences are Cloudflare's where it documents them or its users have quoted them; where a code
 * must say something that Cloudflare never has to (a feature that Skep does not have yet), the nearest one is used and
 * `source` says so. `{name}` in a message is filled in by `cloudflareError()`.
 */

export interface CloudflareErrorEntry {
  readonly code: number;
  readonly status: number;
  readonly message: string;
  /** What the person reading it can do. Sent along in the envelope's `messages`, which wrangler prints. */
  readonly remedy: string;
  /** `cloudflare`: same code and meaning there. `skep`: Cloudflare has no such error. */
  readonly source: 'cloudflare' | 'skep';
}

export const CLOUDFLARE_ERRORS = {
  unauthenticated: {
    code: 10001,
    status: 401,
    message: 'Unable to authenticate request: {reason}.',
    remedy: 'Set CLOUDFLARE_API_TOKEN to a token of this Skep platform.',
    source: 'cloudflare',
  },
  forbidden: {
    code: 9109,
    status: 403,
    message: "Unauthorized to access requested resource: this token does not belong to account '{account}'.",
    remedy: 'Use a token of that account, or set CLOUDFLARE_ACCOUNT_ID to the account of the token.',
    source: 'cloudflare',
  },
  accountToken: {
    code: 1000,
    status: 401,
    // wrangler takes this code as "a token of an account, not of a person", and asks on.
    message: 'Invalid API Token: it belongs to an account. Verify it at /accounts/{account}/tokens/verify.',
    remedy: 'Nothing to do: wrangler goes on by itself.',
    source: 'cloudflare',
  },
  accountNotFound: {
    code: 7003,
    status: 404,
    message: 'Could not route to /accounts/{account}, perhaps your object identifier is invalid?',
    remedy: 'Set CLOUDFLARE_ACCOUNT_ID to an account of this platform; `wrangler whoami` lists them.',
    source: 'cloudflare',
  },
  noRoute: {
    code: 7003,
    status: 404,
    message: 'Could not route to {path}, perhaps your object identifier is invalid?',
    remedy: 'The paths that Skep answers are listed in /client/v4/openapi.json.',
    source: 'cloudflare',
  },
  pathEndsWithSlash: {
    code: 7003,
    status: 400,
    message: 'Could not route to {path}: it ends with a slash.',
    remedy: "A name or key cannot be empty, '.' or '..' here: clients take those out of the path before they send it.",
    source: 'skep',
  },
  unsupportedFeature: {
    code: 7003,
    status: 404,
    message: '{feature}: not supported by this version of Skep yet.',
    remedy: 'Do without it for now, or keep what needs it on a platform that has it.',
    source: 'skep',
  },
  bodyUnreadable: {
    code: 10026,
    status: 400,
    message: 'Could not parse the request body: {reason}.',
    remedy: 'Send the request again; when wrangler itself sent it, update wrangler.',
    source: 'cloudflare',
  },
  bodyTooLarge: {
    code: 10026,
    status: 413,
    message: 'Could not parse the request body: it is larger than {limit}.',
    remedy: 'Send fewer items at a time.',
    source: 'cloudflare',
  },
  bodyTooSlow: {
    code: 10026,
    status: 408,
    message: 'Could not read the request body: {seen} came in {seconds} seconds, at least {least} are needed.',
    remedy: 'Try again over a faster connection.',
    source: 'skep',
  },
  workerNotFound: {
    code: 10007,
    status: 404,
    message: "This Worker does not exist on your account: '{name}'.",
    remedy: 'Deploy it first with `wrangler deploy`, or check the name.',
    source: 'cloudflare',
  },
  versionNotFound: {
    code: 10025,
    status: 404,
    message: "Version '{version}' of Worker '{name}' does not exist.",
    remedy: '`wrangler versions list` shows the versions that exist.',
    source: 'cloudflare',
  },
  invalidWorkerName: {
    code: 10016,
    status: 400,
    message:
      "Invalid Worker name '{name}': only lowercase letters, numbers, underscores and dashes are allowed, {limit} characters at most, and it may neither start nor end with a dash.",
    remedy: 'Change `name` in the wrangler configuration.',
    source: 'cloudflare',
  },
  validation: {
    code: 10021,
    status: 400,
    message: '{reason}',
    remedy: 'Correct it and try again; nothing was changed.',
    source: 'cloudflare',
  },
  workerTooLarge: {
    code: 10027,
    status: 413,
    message: 'Your Worker exceeded the size limit of {limit}: {what}.',
    remedy: 'Bundle less: remove large dependencies, or keep large files outside the Worker.',
    source: 'cloudflare',
  },
  accountFull: {
    code: 10037,
    status: 403,
    message: '{reason}.',
    remedy: 'Delete Workers that are not needed, or give them fewer and shorter variables.',
    source: 'cloudflare',
  },
  concurrentChange: {
    code: 10035,
    status: 409,
    message: "Multiple attempts to modify Worker '{name}' at the same time.",
    remedy: 'Try again when the other change is done.',
    source: 'cloudflare',
  },
  bindingWithoutName: {
    code: 10052,
    status: 400,
    message: 'Binding number {index} (type {type}) has no name.',
    remedy: 'Give every binding in the wrangler configuration a name.',
    source: 'cloudflare',
  },
  bindingNameTaken: {
    code: 10053,
    status: 400,
    message: "Binding name '{name}' already in use. Please use a different name and try again.",
    remedy: 'Two bindings of one Worker cannot have the same name; variables and secrets count as bindings.',
    source: 'cloudflare',
  },
  variableTooLarge: {
    code: 10054,
    status: 400,
    message: "Variable '{name}' has {size}, which exceeds the size limit of {limit}.",
    remedy: 'Keep large values in a module of the Worker, or split them.',
    source: 'cloudflare',
  },
  variablesTooLarge: {
    code: 10054,
    status: 400,
    message: 'The variables and secrets of the Worker have {size} together, which exceeds the limit of {limit}.',
    remedy: 'Keep large values in a module of the Worker, or in KV.',
    source: 'skep',
  },
  tooManyVariables: {
    code: 10055,
    status: 400,
    message: 'The Worker has {count} environment variables and secrets, which exceeds the limit of {limit}.',
    remedy: 'Put several values into one JSON variable.',
    source: 'cloudflare',
  },
  secretNotFound: {
    code: 10056,
    status: 404,
    message: "Secret '{name}' was not found on Worker '{worker}'.",
    remedy: '`wrangler secret list` shows the secrets that exist.',
    source: 'cloudflare',
  },
  invalidInherit: {
    code: 10057,
    status: 400,
    // wrangler matches the start of this sentence to list the secrets that `secrets.required` names.
    message: "inherit binding '{name}' is invalid: the previous version of this Worker has no binding of that name.",
    remedy: 'Set the secret or the binding before deploying.',
    source: 'cloudflare',
  },
  workerInUse: {
    code: 10064,
    status: 400,
    message: "Worker '{name}' is still in use by the service bindings of: {callers}.",
    remedy: 'Remove those bindings first, or delete with force.',
    source: 'cloudflare',
  },
  kvKeyNotFound: {
    code: 10009,
    status: 404,
    message: "The key does not exist (get: 'key not found').",
    remedy: '`wrangler kv key list --remote` shows the keys that exist.',
    source: 'cloudflare',
  },
  kvNamespaceNotFound: {
    code: 10013,
    status: 404,
    message: "KV namespace '{namespace}' does not exist (get namespace: 'namespace not found').",
    remedy: '`wrangler kv namespace list` shows the namespaces that exist.',
    source: 'cloudflare',
  },
  kvTitleTaken: {
    code: 10014,
    status: 400,
    message: "A KV namespace with this account ID and title already exists: '{title}'.",
    remedy: 'Choose another title, or use the namespace that exists.',
    source: 'cloudflare',
  },
  kvInvalid: {
    code: 10021,
    status: 400,
    message: '{reason}',
    remedy: "Correct it and try again; nothing was changed. KV's limits are in docs/bindings.md.",
    source: 'skep',
  },
  kvNamespaceNotBound: {
    code: 10041,
    status: 400,
    message: "KV namespace '{namespace}' not found.",
    remedy: 'Make it with `wrangler kv namespace create`, and put its id into the wrangler configuration.',
    source: 'cloudflare',
  },
  kvNamespaceInvalid: {
    code: 10042,
    status: 400,
    message: "KV namespace '{namespace}' is not valid.",
    remedy: 'The id of a namespace is 32 hexadecimal digits: `wrangler kv namespace list` shows it.',
    source: 'cloudflare',
  },
  noEventHandlers: {
    code: 10068,
    status: 400,
    message: 'The uploaded script has no registered event handlers.',
    remedy: 'Export a default object with a fetch() method, or call addEventListener() in a service-worker script.',
    source: 'cloudflare',
  },
  serviceNotFound: {
    code: 10143,
    status: 400,
    message:
      "Could not resolve service binding '{binding}'. Target script '{service}' not found. Please verify the target script and try again.",
    remedy: 'Deploy the target Worker first.',
    source: 'cloudflare',
  },
  serviceEnvironmentNotFound: {
    code: 10144,
    status: 400,
    message:
      "Could not resolve service binding '{binding}'. Target environment '{environment}' not found for target script '{service}'. Please verify the target and try again.",
    remedy: "Name the environment in `service` ('<worker>-<environment>') and leave `environment` out.",
    source: 'cloudflare',
  },
  serviceEntrypointNotFound: {
    code: 10144,
    status: 400,
    message:
      "Could not resolve service binding '{binding}'. Target entrypoint '{entrypoint}' not found in target script '{service}'. Please verify the target and try again.",
    remedy: 'Export a class of that name from the target Worker and deploy it first.',
    source: 'cloudflare',
  },
  unsupportedModuleType: {
    code: 10162,
    status: 400,
    message: "Module '{name}' has an unsupported content type '{type}'.",
    remedy:
      'Supported are application/javascript+module, application/javascript, application/json, application/wasm, text/plain, application/octet-stream and application/source-map.',
    source: 'cloudflare',
  },
  subdomainTaken: {
    code: 10031,
    status: 409,
    message: "Subdomain '{subdomain}' is already taken.",
    remedy: 'Choose another one.',
    source: 'cloudflare',
  },
  subdomainFree: {
    code: 10032,
    status: 404,
    message: "Subdomain '{subdomain}' is available.",
    remedy: 'Nothing to do: it can be registered.',
    source: 'cloudflare',
  },
  latestNotDeployed: {
    code: 10215,
    status: 400,
    message: "Secret edit failed: the latest version of Worker '{name}' is not the one that is deployed.",
    remedy: 'Deploy the latest version to 100 % first, or use `wrangler versions secret`.',
    source: 'cloudflare',
  },
  secretsChanged: {
    code: 10220,
    status: 400,
    // wrangler takes everything behind "The following secrets have changed: " as the list. Nothing may follow it.
    message:
      'Cannot deploy a version whose secrets differ from those deployed now without force. The following secrets have changed: {secrets}',
    remedy: '`wrangler rollback` asks and then forces it; to keep the secrets of today, deploy the old code again.',
    source: 'cloudflare',
  },
  databaseNotFound: {
    code: 7404,
    status: 404,
    message: "The database '{database}' could not be found.",
    remedy: '`wrangler d1 list` shows the databases that exist.',
    source: 'cloudflare',
  },
  databaseExists: {
    code: 7502,
    status: 400,
    message: "A database with the name '{name}' already exists.",
    remedy: 'Choose another name, or use the one that exists.',
    source: 'cloudflare',
  },
  tooManyDatabases: {
    code: 7406,
    status: 400,
    message: 'The account has {count} databases; {limit} are allowed.',
    remedy: 'Delete those that nobody needs any longer with `wrangler d1 delete`.',
    source: 'cloudflare',
  },
  databaseQueryFailed: {
    code: 7500,
    status: 400,
    message: '{reason}',
    remedy: 'The database is a PostgreSQL: what it takes, and its limits, are in docs/bindings.md.',
    source: 'cloudflare',
  },
  boundDatabaseNotFound: {
    code: 10181,
    status: 400,
    message: "Binding '{binding}' references database '{database}' which was not found.",
    remedy: 'Create it with `wrangler d1 create`, and put its id into the wrangler configuration.',
    source: 'cloudflare',
  },
  boundHyperdriveNotFound: {
    code: 10181,
    status: 400,
    message: "Binding '{binding}' references the Hyperdrive configuration '{id}' which was not found.",
    remedy:
      '`wrangler hyperdrive list` shows those that exist, `wrangler hyperdrive create` makes one; put its id into the wrangler configuration.',
    source: 'skep',
  },
  hyperdriveNotFound: {
    code: 2004,
    status: 404,
    message: "The Hyperdrive configuration '{id}' could not be found.",
    remedy: '`wrangler hyperdrive list` shows the configurations that exist.',
    source: 'skep',
  },
  hyperdriveExists: {
    code: 2017,
    status: 400,
    message: "A Hyperdrive configuration with the name '{name}' already exists.",
    remedy: 'Choose another name, or change the one that exists.',
    source: 'skep',
  },
  hyperdriveUnreachable: {
    code: 2012,
    status: 400,
    message: 'Skep could not connect to the database: {reason}.',
    remedy:
      'Correct host, port, user, password or sslmode; private addresses have to be allowed with SKEP_EGRESS_ALLOW.',
    source: 'skep',
  },
  noVersions: {
    code: 10222,
    status: 404,
    message: "Worker '{name}' has no versions.",
    remedy: 'Upload one with `wrangler deploy` or `wrangler versions upload`.',
    source: 'cloudflare',
  },
  r2BucketTaken: {
    code: 10004,
    status: 409,
    message: "The bucket you tried to create already exists, and you own it: '{name}'.",
    remedy: 'Use it, or choose another name.',
    source: 'cloudflare',
  },
  r2BucketNameInvalid: {
    code: 10005,
    status: 400,
    message: "The specified bucket name is not valid: '{name}'.",
    remedy: 'Use 3 to 63 lower-case letters, digits and hyphens; begin and end with a letter or digit.',
    source: 'cloudflare',
  },
  r2BucketNotFound: {
    code: 10006,
    status: 404,
    message: "The specified bucket does not exist: '{name}'.",
    remedy: '`wrangler r2 bucket list` shows the buckets; `wrangler r2 bucket create` makes one.',
    source: 'cloudflare',
  },
  r2ObjectNotFound: {
    code: 10007,
    status: 404,
    message: "The specified key does not exist: '{key}'.",
    remedy: 'Keys are compared byte by byte, with their slashes and in their case.',
    source: 'cloudflare',
  },
  r2BucketNotEmpty: {
    code: 10008,
    status: 409,
    message: "The bucket you tried to delete ('{name}') is not empty.",
    remedy: 'Delete its objects first.',
    source: 'cloudflare',
  },
  r2TooManyBuckets: {
    code: 10009,
    status: 400,
    message: 'The account has as many buckets as it may have.',
    remedy: 'Delete one; one bucket takes any number of objects.',
    source: 'cloudflare',
  },
  r2Refused: {
    code: 10029,
    status: 400,
    message: '{reason}.',
    remedy: 'Correct the request and send it again.',
    source: 'cloudflare',
  },
  r2NoCors: {
    code: 10059,
    status: 404,
    message: "The CORS configuration does not exist: the bucket '{name}' has no rules.",
    remedy: 'Set some with `wrangler r2 bucket cors set`.',
    source: 'cloudflare',
  },
  r2QuotaExceeded: {
    code: 10063,
    status: 507,
    message: '{reason}.',
    remedy: 'Delete objects, or ask the operator of this platform for a larger quota.',
    source: 'skep',
  },
  r2BindingBucketNotFound: {
    code: 10085,
    status: 400,
    message: "R2 bucket '{bucket}' not found (binding '{binding}').",
    remedy: 'Make it with `wrangler r2 bucket create`, or correct bucket_name.',
    source: 'cloudflare',
  },
  internal: {
    code: 10002,
    status: 500,
    message: 'Internal error. The log of the Skep server has the reason under request id {requestId}.',
    remedy: 'Ask the operator of this platform.',
    source: 'cloudflare',
  },
  unavailable: {
    code: 7010,
    status: 503,
    message: 'Service temporarily unavailable: {reason}.',
    remedy: 'Try again in a few seconds.',
    source: 'cloudflare',
  },
} as const satisfies Record<string, CloudflareErrorEntry>;

export type CloudflareErrorName = keyof typeof CLOUDFLARE_ERRORS;

/** One problem, ready to be put into an envelope. */
export interface CloudflareProblem {
  readonly name: CloudflareErrorName;
  readonly code: number;
  readonly status: number;
  readonly message: string;
  readonly remedy: string;
}

/** Fills in an entry of the catalogue. Throws when the message names a value that was not given: a bug of ours. */
export function cloudflareProblem(
  name: CloudflareErrorName,
  values: Readonly<Record<string, string | number>> = {},
): CloudflareProblem {
  const entry: CloudflareErrorEntry = CLOUDFLARE_ERRORS[name];
  const message = entry.message.replace(/\{(\w+)\}/g, (_placeholder, key: string) => {
    const value = values[key];
    if (value === undefined) throw new Error(`Error '${name}' needs a value for '${key}'`);
    return String(value);
  });
  return { name, code: entry.code, status: entry.status, message, remedy: entry.remedy };
}
