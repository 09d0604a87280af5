/**
 * Every limit on what comes from outside, in one place: value, unit (in the name) and the attack or
 * outage it stops. Where Cloudflare documents a number we use it. What an operator may change is a setting in
 * `server/config` whose default comes from here.
 */

const KiB = 1024;
const MiB = 1024 * KiB;

/** What a visitor may send through the gateway. */
export const GATEWAY_LIMITS = {
  /** Cloudflare: 16 KB → 414. Stops memory being tied up by endless request lines. */
  maxUrlBytes: 16 * KiB,
  /** Cloudflare: 128 KB for all request headers together → 431. Stops header floods. */
  maxHeaderBytes: 128 * KiB,
  /** How many header lines → 431. Stops hash-flooding and quadratic copying. */
  maxHeaderLines: 512,
  /** Cloudflare (Free, Pro): 100 MB request body → 413. Stops one upload from filling the machine; a setting. */
  maxBodyBytes: 100_000_000,
  /** Time to send all headers → 408. Stops slowloris. */
  headersTimeoutMs: 30_000,
  /** A body brings a byte at least so often → 408, outcome `canceled`. Stops slow-post. */
  bodyIdleTimeoutMs: 30_000,
  /** A body that the worker waits for brings at least so many bytes … → 408. Stops bodies of a byte at a time from holding a cell's places. */
  minBodyBytesPerWindow: 1 * KiB,
  /** … in every such span of time → 408. */
  bodyWindowMs: 60_000,
  /** A client takes a byte of a response at least so often → it is cut off, outcome `responseStreamDisconnected`. Stops slow readers pinning cells. */
  writeIdleTimeoutMs: 120_000,
  /** A connection may be idle for so long between requests → it is closed. */
  keepAliveTimeoutMs: 75_000,
  /** Open client connections on one node; each costs about 20 KB and a file descriptor → further ones are closed at once. */
  maxConnections: 20_000,
  /**
   * Of one client address (IPv6: one /64): a fifth of the node's, so that one client cannot take the places of all. Trusted proxies and this
   * machine itself, where a proxy may stand, are not counted → further ones are closed at once.
   */
  maxConnectionsPerAddress: 4_000,
  /** Requests one connection may have waiting behind the one being answered → it is closed. Stops pipelined floods. */
  maxPipelinedRequests: 64,
  /** All headers of a worker's response together → 1101, an exception of the worker. Stops a worker from having the server copy without bound. */
  maxResponseHeaderBytes: 128 * KiB,
  /** Open WebSocket connections on one node → 503. */
  maxUpgrades: 10_000,
  /** A WebSocket brings a byte in either direction at least so often → it is closed. Stops dead ones from pinning cells. */
  upgradeIdleTimeoutMs: 600_000,
  /** WebSocket bytes taken from a client before its worker has accepted the upgrade → the rest stays with the client. */
  maxEarlyUpgradeBytes: 64 * KiB,
  /** After an early answer the rest of a request body is read and dropped, so that the client sees the answer: this much … → the connection is cut. */
  maxDiscardedBytes: 1 * MiB,
  /** … for this long → the connection is cut. */
  discardTimeoutMs: 5_000,
  /** What is still read of a client that sends no HTTP, so that it sees the answer: this much … → the connection is cut. */
  maxLingerBytes: 256 * KiB,
  /** … for this long → the connection is cut. */
  lingerMs: 1_000,
  /** Host headers whose reading is remembered → all are forgotten. Stops made-up hosts from filling the memory. */
  maxCachedHosts: 4_096,
  /** Characters of a Host header that is remembered → it is read each time. */
  maxCachedHostLength: 128,
  /** Failures of requests that are logged in a second → the rest is counted. Stops visitors from filling the disk with log lines. */
  maxReportsPerSecond: 20,
} as const;

/** What an upload to the control API may hold → refused, with limit and size in the message. */
export const UPLOAD_LIMITS = {
  /** Cloudflare since mid-2026: 64 MiB uncompressed on every plan (10027). */
  maxWorkerBytes: 64 * MiB,
  /** The metadata part alone: `maxVariablesTotalBytes` as JSON, and what else it says. */
  maxMetadataBytes: 4 * MiB,
  /** Modules in one version; stops inode and module-graph floods. */
  maxModules: 1_000,
  /** UTF-8 bytes of a module name. */
  maxModuleNameBytes: 512,
  /** Cloudflare: 128 variables (vars and secrets) per worker. */
  maxVariables: 128,
  /** Cloudflare: 5 KB per variable. */
  maxVariableBytes: 5 * KiB,
  /** One secret. Cloudflare: 5 KB; here a chain of certificates or a service account's file fits, too. */
  maxSecretBytes: 100 * KiB,
  /** Variables and secrets of one version together. Every node keeps those of all deployed versions in memory, and every cell its own. */
  maxVariablesTotalBytes: 2 * MiB,
  /** Workers of one account, of which every node has all that are deployed in memory. Cloudflare: 500; here an account may be a whole company. */
  maxWorkersPerAccount: 5_000,
  /**
   * What every node keeps in memory of all deployed versions of one account: variables and secrets, bindings, names of modules. Stops Workers with 2 MiB
   * of secrets each from ending every node, and again each time it starts.
   */
  maxDeployedBytesPerAccount: 64 * MiB,
  /** Bindings of all types. */
  maxBindings: 512,
  /** Cloudflare: worker names are DNS labels of at most 63 characters. */
  maxWorkerNameLength: 63,
  /** Source maps of one version together, beside `maxWorkerBytes`; they never run. */
  maxSourceMapBytes: 32 * MiB,
  /** Multipart boundaries and part headers around the contents. */
  maxMultipartOverheadBytes: 2 * MiB,
  /** Header bytes of one multipart part. */
  maxPartHeaderBytes: 16 * KiB,
  /** Bytes of one annotation (`workers/message`, `workers/tag`). */
  maxAnnotationBytes: 1 * KiB,
  /** Annotations of one version or deployment. */
  maxAnnotations: 16,
  /** Uploads read at the same time → further ones wait unread. Bounds the memory that uploads can take. */
  maxConcurrentUploads: 4,
  /** Of one account: its slow uploads leave places for those of others → further ones wait unread. */
  maxConcurrentUploadsPerAccount: 2,
  /** A body brings at least so many bytes … → 408. Stops clients that send a byte at a time from holding a place. */
  minBodyBytesPerWindow: 10 * KiB,
  /** … in every such span of time, or less when it ends before → 408. */
  bodyWindowMs: 10_000,
  /** Any JSON body of the control API but an upload. */
  maxJsonBodyBytes: 4 * MiB,
  /** Nesting of JSON; deeper values overflow the stack of whoever walks or prints them. */
  maxJsonDepth: 64,
  /** What is read and thrown away of a refused body, so that a client that only listens after sending hears why: this much … → the connection is closed. */
  maxDrainBytes: 64 * MiB,
  /** … for this long → the connection is closed. */
  maxDrainMs: 10_000,
  /** Versions in one deployment (Cloudflare: 2). */
  maxDeploymentVersions: 2,
  /** Open connections to the control API of one node, and as many to its S3 port → further ones are closed at once. Keeps descriptors for visitors. */
  maxConnections: 1_000,
  /** Time to send a whole request to the control API → 408. Stops slow uploads from holding places for ever. */
  requestTimeoutMs: 300_000,
  /** Problems named in one answer → the rest is left out. Stops an upload from asking for an answer with a problem for each of its bindings. */
  maxProblems: 50,
} as const;

/** Per invocation and per cell. The first three are settings (`SKEP_LIMIT_*`). */
export const CELL_LIMITS = {
  /** CPU time of one invocation, and of every second of what lasts (a stream, a connection, a session) → 1102, outcome `exceededCpu`. Stops endless loops. */
  cpuMs: 100,
  /**
   * CPU time that an invocation gets for each MiB that the server carries into or out of its cell: moving bytes costs the harness about 2 ms a MiB, twice
   * that on a machine that is full, and is no computing of the worker's. Without it a stream of 30 MiB would end its worker; on Cloudflare bodies that pass through cost nothing. More than
   * `cpuMs` and this together → 1102, outcome `exceededCpu`.
   */
  carryingCpuMsPerMiB: 5,
  /**
   * The same for each MiB of RPC, whose messages the harness puts together and takes apart: that costs about 3 ms a MiB, twice that on a machine
   * that is full. Without it a stream of 40 MiB would end both Workers. More than `cpuMs` and this together → 1102, outcome `exceededCpu`.
   */
  carryingRpcCpuMsPerMiB: 8,
  /** What a worker may ask for in `limits.cpu_ms` at most, Cloudflare's default on its paid plan → the upload is refused. */
  maxCpuMs: 30_000,
  /** V8 heap and the buffers beside it, above what an idle cell holds → 1102, outcome `exceededMemory`. Stops hoarders of any kind of memory. */
  memoryMiB: 128,
  /** CPU time of a version's top level → the upload is refused (10021). */
  startupCpuMs: 1_000,
  /** Wall time of a version's top level, since one that only waits never burns CPU → the upload is refused (10021). */
  startupWallMs: 10_000,
  /** Cloudflare: `waitUntil` may run 30 s after the response → outcome `exceededWallTime`. */
  waitUntilMs: 30_000,
  /** Requests one cell serves at once → further ones go to another cell or wait in line. Bounds what dies with one cell. */
  concurrency: 256,
  /** Cloudflare (Free): 50 subrequests to the internet per pipeline → an exception, "Too many subrequests.". Stops floods of others. */
  subrequests: 50,
  /** What a worker may ask for in `limits.subrequests` at most, Cloudflare's default on its paid plan → the upload is refused. */
  maxSubrequests: 10_000,
  /** Cloudflare: 1,000 calls to services and operations of bindings per pipeline → an exception, "Too many subrequests.". Stops fan-outs that grow by themselves. */
  internalSubrequests: 1_000,
  /** Cloudflare: a pipeline has at most 32 worker invocations in depth, the first included → an exception. Ends recursion. */
  pipelineDepth: 32,
  /** Cloudflare: so often one visit may lead to the next through public names → 1019. Ends two workers that ask one another. */
  publicHops: 16,
  /** Cloudflare: connections of a pipeline that wait for the head of their answer → further ones wait. Stops floods of one origin. */
  waitingConnections: 6,
  /** Responses of a pipeline whose bodies are not over → one that the worker does not read is closed. Bounds sockets and buffers. */
  openResponses: 32,
  /** workerd: timers of one invocation that may still fire → an exception, QuotaExceededError. Stops floods of small things that live long. */
  activeTimers: 10_000,
  /** Cloudflare: 256 KB of log per invocation → the rest is left out, the trace event says `truncated`. Stops floods of whoever keeps logs. */
  logBytesPerInvocation: 256 * KiB,
} as const;

/** Connections that stay open: WebSockets from visitors, WebSockets and sockets from workers. */
export const CONNECTION_LIMITS = {
  /** Of one worker: a fifth of the node's, so that it cannot take the places of all → 503 for a visitor, an exception for the worker. */
  perWorker: 2_000,
  /** Of one account: half of the node's → as above. */
  perAccount: 5_000,
  /** Each takes a descriptor here and one at the other end → as above. */
  perNode: 10_000,
} as const;

/** Messages of a WebSocket that a worker has accepted or opened. */
export const WEBSOCKET_LIMITS = {
  /** Cloudflare: 32 MiB → the connection is closed with 1009. Bounds what one message can take of a worker's memory. */
  maxMessageBytes: 32 * MiB,
} as const;

/** Requests that find no free cell wait; beyond these numbers they are answered with 503 at once. */
export const QUEUE_LIMITS = {
  /** Of one version → 503 with Retry-After. Stops one worker from making the server remember requests without bound. */
  waitingPerVersion: 1_000,
  /** Of one account: half of the node's places, so that others can still wait → 503 with Retry-After. */
  waitingPerAccount: 2_500,
  /** Of one node; each holds a client's connection and what it has sent → 503 with Retry-After. */
  waitingPerNode: 5_000,
} as const;

/** The disk that the data directory is on. */
export const DISK_LIMITS = {
  /**
   * What stays free for the platform itself; a setting. Stops accounts from filling the disk together, each within its quotas: a PostgreSQL that cannot
   * write stops, and nobody deploys → what accounts store is refused (KV 507, objects 10063, databases are read only).
   */
  reserveMiB: 1024,
} as const;

/** The Cache API. The first two are settings. */
export const CACHE_LIMITS = {
  /** Of all cached responses of a node together → what was not used for longest goes. Stops the disk from filling. */
  totalMiB: 1024,
  /** One response; Cloudflare takes 512 → it is not kept. Stops one worker from throwing out everybody else's. */
  objectMiB: 64,
  /** Responses of a node; each takes about 150 bytes of memory → what was not used for longest goes. */
  maxEntries: 100_000,
  /** Responses that one account has the node store at a time; each holds a file open → further ones are not kept. Stops bodies that never end. */
  maxOpenPutsPerAccount: 256,
  /** A response that brings no byte for this long → it is not kept. Stops bodies that never end from holding disk and a place. */
  bodyIdleMs: 120_000,
  /** Cloudflare: bytes of a cache's name, one less → an exception. */
  maxNameBytes: 1024,
} as const;

/** KV namespaces. What has no other reason given is Cloudflare's number. */
export const KV_LIMITS = {
  /** UTF-8 bytes of a key, and of a prefix → an error of that operation. */
  maxKeyBytes: 512,
  /** → `413 Value length of … exceeds limit of …`; nothing is stored. */
  maxValueBytes: 25 * MiB,
  /** Bytes of the metadata as JSON → 413. */
  maxMetadataBytes: 1024,
  /** A shorter life → 400. */
  minExpirationTtlSeconds: 60,
  /** A shorter `cacheTtl` → 400. */
  minCacheTtlSeconds: 30,
  /** Keys of one page → 400. */
  maxListKeys: 1_000,
  /** Keys of one `get([…])` → 400. */
  maxBulkReadKeys: 100,
  /** All keys of one `get([…])` as JSON. Stops a cell from making the server parse without end → 414. */
  maxBulkReadRequestBytes: 1 * MiB,
  /** Values of one `get([…])` together → 413. */
  maxBulkReadBytes: 25 * MiB,
  /** `get([…])` of a node that are answered at a time; each may take 75 MiB → further ones wait. Stops a worker from filling the server's memory. */
  maxBulkReads: 64,
  /** Of one account → further ones wait. */
  maxBulkReadsPerAccount: 4,
  /** Namespaces of one account → 400. */
  maxNamespaces: 1_000,
  /** Characters of a namespace's title → 400. */
  maxTitleLength: 512,
  /** Pairs or keys of one bulk call of the API → 400. */
  maxBulkWritePairs: 10_000,
  /** Body of one bulk call of the API: Cloudflare's 100 MB → 413. */
  maxBulkWriteBytes: 100 * MiB,
  /** Up to here a value lies in its entry and is written together with others; a larger one goes in pieces of its own. */
  maxInlineBytes: 64 * KiB,
  /** One piece of a large value: what a `put` of a stream holds in the server's memory. */
  pieceBytes: 256 * KiB,
  /** Large values on their way in or out of one node at a time; each takes about three pieces of memory → 429, an error of that operation. */
  maxOpenLargeValues: 256,
  /** Of one account: slow readers of one must not use up the places of all → 429. */
  maxOpenLargeValuesPerAccount: 64,
  /** How long a stream may bring no piece of a large value. Stops streams that never end from keeping space → it is given up and swept. */
  unlinkedSeconds: 300,
  /** Operations of one connection that wait for the database. Stops a slow database from filling the memory → 429 at once. */
  maxWaiting: 20_000,
  /** Of one account: half, so that others still find a place → 429 at once. */
  maxWaitingPerAccount: 10_000,
  /** Bytes of values that wait to be written over one connection → 429 at once. */
  maxWaitingBytes: 64 * MiB,
  /** Of one account → 429 at once. */
  maxWaitingBytesPerAccount: 32 * MiB,
  /** Lists, and pieces of large values, that are asked of the database at a time … → further ones wait. */
  maxPoolOperations: 6,
  /** … and of one account: its lists must not keep those of others waiting → as above, each account's next when it has less than these. */
  maxPoolOperationsPerAccount: 4,
  /** What all namespaces of one account may take, in GiB; a setting. Stops one account from filling the disk of all → 507, nothing is stored. */
  accountGiB: 10,
  /** Memory of a node's cache of values, in MiB. A setting → of the account that has most of it, what was not used for longest goes. */
  cacheMiB: 64,
  /** Age of a cached value. Bounds how long a lost message can matter → it is read anew. */
  cacheSeconds: 60,
  /** Namespaces of which a node remembers whose they are → all are forgotten. */
  maxCachedNamespaces: 10_000,
  /** Accounts of which a node remembers what they store → all are forgotten. */
  maxAccountsRemembered: 10_000,
} as const;

/** Within one RPC session, kept by each of the two cells against the other. */
export const RPC_LIMITS = {
  /** Cloudflare: 32 MiB of serialized arguments or results → an exception. */
  maxMessageBytes: 32 * MiB,
  /** Stubs, functions and streams that one side holds of the other → an exception. Stops a peer from growing tables without bound. */
  maxExports: 10_000,
  /** Calls that have come in and are not answered → the session breaks. Bounds what a peer can make this side remember. */
  maxOpenCalls: 10_000,
  /** Bytes of one stream that may be under way without the reader's consent. */
  streamWindowBytes: 256 * KiB,
  /** What the objects, slots and entries of one message take beside its texts and bytes; stops a message of `{}` from becoming 40 times as much. */
  maxStructureBytes: 64 * MiB,
  /**
   * Of all sessions of a cell together: what waits for the other sides to take it, and messages that have not come whole. Beyond it the
   * session with the most ends. Stops peers that ask and do not listen, or begin and do not end.
   */
  maxHeldBytes: 48 * MiB,
} as const;

/** What the broker takes from a cell. Everything behind these numbers is an attacker's. */
export const CHANNEL_LIMITS = {
  /** One frame → the cell is ended (`protocol`). Stops a cell from making the server buffer without bound. */
  maxFrameBytes: 256 * KiB,
  /** The JSON head of one call (URL, headers) → an exception in the worker; a cell that sends it anyway is ended (`protocol`). */
  maxHeadBytes: 160 * KiB,
  /**
   * Characters in which all of an exception (cause, properties that are objects) goes to the worker that called → it goes with its class, texts and
   * numbers only. Stops a worker that throws from making the server carry, and its caller decode, a large value for each call.
   */
  maxThrownValueChars: 32 * KiB,
  /**
   * Header lines of a call that a worker makes, and of an answer that it gives: twice `GATEWAY_LIMITS.maxHeaderLines`, so that whoever passes a request on may
   * add some. Stops tens of thousands of tiny lines from costing the server more than their bytes → an exception in the worker; an answer that a cell sends
   * anyway is dropped, and its request has failed.
   */
  maxHeaderLines: 1_024,
  /** Bytes of one stream that may be under way without the reader's consent (flow-control window). */
  streamWindowBytes: 256 * KiB,
  /** What a frame of a session takes of the window at least: each costs the other cell more than its bytes. Stops floods of tiny frames. */
  minSessionFrameCost: 256,
  /** Of all sessions of a cell together, what was sent to it and not taken; a session that would add to it ends. Stops many sessions from drowning one cell. */
  maxSessionBytesUntaken: 16 * MiB,
  /** A body that travels with its head in one frame → it goes over the cell's HTTP socket. */
  maxInlineBodyBytes: 32 * KiB,
  /** Calls one cell may have open at once, as many as 256 requests have that each make the 50 calls to the internet they may → the call fails. */
  maxOpenCalls: 16_384,
  /** Heads of these calls, and bytes of their bodies that nobody has taken, together → 1102, outcome `exceededMemory`. Stops a cell from hoarding in the server. */
  maxHeldBytes: 64 * MiB,
  /** Log bytes a second from a cell that belong to no invocation (its top level, or late ones) → the rest is left out. */
  strayLogBytesPerSecond: 64 * KiB,
  /** Characters of one log call or exception that a cell sends; a frame holds them however they are escaped → the rest is left out, and how much. */
  maxLogCharacters: 32 * 1024,
  /** Bytes of stderr kept of a cell → it is ended: no harness writes there. Stops floods. */
  maxStderrBytes: 64 * KiB,
  /** Bytes sent to a cell that it has not read; more than the largest version, which is handed over at once → it is ended. Stops a cell that does not read. */
  maxUnreadBytes: 96 * MiB,
  /** The exception that a cell answers a request with → the rest of it is dropped. */
  maxExceptionBytes: 128 * KiB,
  /** A name, message or stack in what a cell says of an exception → the rest is cut off. */
  maxTextBytes: 64 * KiB,
} as const;

/** What an origin on the internet may do with a request of a worker. Which addresses a worker may reach is no limit: `server/bindings/egress`. */
export const EGRESS_LIMITS = {
  /** To connect, TLS included → an exception in the worker. */
  connectMs: 10_000,
  /** Cloudflare: 100 s until the answer begins → an exception in the worker. Stops silent servers from holding connections. */
  headersMs: 100_000,
  /** A body brings a byte at least so often → the answer breaks off. */
  bodyIdleMs: 300_000,
  /** Connections to one origin → further requests wait. Stops a worker from using this machine to flood somebody. */
  connectionsPerOrigin: 64,
  /** All headers of an answer → an exception in the worker. Stops an origin from having the server copy without bound. */
  maxResponseHeaderBytes: 128 * KiB,
} as const;

/** Source maps that are read to tell where an exception came from. */
export const SOURCE_MAP_LIMITS = {
  /** One map; it is read in a thread of its own, one at a time → the stack is told as it came. */
  maxBytes: 8 * MiB,
  /** MiB of objects in the thread. 8 MiB of JSON that is nothing but empty objects become 300 → the thread begins anew, the stack is told as it came. */
  threadMiB: 128,
  /** Frames of one stack that are looked up → the rest is told as it came. */
  framesOfStack: 50,
  /** Versions whose places are kept in memory once they were looked up → the one that threw longest ago goes. */
  versionsKept: 256,
  /** Places kept of one version; more are those of a program that throws everywhere → they are looked up anew. */
  placesKept: 200,
  /** Exceptions of one account that wait for their places, one after the other. Stops one account's maps from delaying the exceptions of others → told as it came. */
  maxWaitingPerAccount: 20,
  /** How long an exception waits for its places → it is told as it came. */
  patienceMs: 3_000,
} as const;

/** What one worker may put into the server's own log (its tails and traces have limits of their own). */
export const WORKER_LOG_LIMITS = {
  /** Bytes a second → further lines are counted and left out. Stops one worker from filling the disk and taking the server's time. */
  bytesPerSecond: 256 * KiB,
  /** One line; an honest harness sends no longer ones. The rest is cut off: a cell that lies can put a whole frame into one. */
  maxLineCharacters: 32 * 1024,
  /** What a line costs besides its text: time, date, names. Stops floods of empty lines. */
  lineOverheadBytes: 256,
} as const;

/** What is kept of calls between workers (`…/skep/workers/:name/services`). */
export const SERVICE_CALL_LIMITS = {
  /** Minutes of pairs of workers that one process keeps until they are written; then the oldest are lost. Stops floods of worker names. */
  maxBuckets: 10_000,
  /** Minutes in the database. */
  keptMinutes: 24 * 60,
  /** Rows in the database: the oldest go first. Stops many workers that call one another from filling it. */
  maxRows: 1_000_000,
} as const;

/** Databases of workers, provisioned ones and those behind Hyperdrive. Times in ms. */
export const DATABASE_LIMITS = {
  /** Connections of this node to one database; further operations wait. Stops one tenant from taking the server's places. */
  connectionsPerDatabase: 10,
  /** Connections of this node to all databases of workers; each is a process of the server. */
  connectionsPerNode: 60,
  /** Of which those of one account: half, so that its hundred databases leave places for those of others. Further operations wait. */
  connectionsPerAccount: 30,
  /** Connections of this node to all databases behind Hyperdrive together. */
  originConnectionsPerNode: 200,
  /** Of which those of one account: half. Its origins may be ones that never answer. Further operations wait. */
  originConnectionsPerAccount: 100,
  /** Connections of this node to one origin when its configuration says nothing, and the most it may ask for. Cloudflare: 20, 100. */
  originConnections: 20,
  maxOriginConnections: 100,
  /** Hyperdrive: a client says who it is within this time; stops sockets that say nothing. */
  startupMs: 10_000,
  /** Hyperdrive: named statements of one client, and the bytes of their texts; they are kept here to be made again. */
  maxNamedStatements: 1_000,
  maxNamedStatementBytes: 4 * MiB,
  /** Hyperdrive: messages of a client that wait for a connection, in bytes. */
  maxWaitingBytes: 1 * MiB,
  /** Hyperdrive: configurations of an account. */
  hyperdriveConfigsPerAccount: 100,
  /** Hyperdrive: the answer of one statement that is kept for others, in bytes, and all of a node. Cloudflare: 50 MB. */
  maxCachedAnswerBytes: 1 * MiB,
  maxCacheBytes: 32 * MiB,
  /** Hyperdrive, as Cloudflare: seconds an answer is good for, and how much longer it is given while a new one is fetched. */
  cacheMaxAgeS: 60,
  cacheStaleS: 15,
  maxCacheAgeS: 3_600,
  /** Of one database's role on all nodes together; PostgreSQL itself refuses more. */
  connectionsPerRole: 40,
  /** How long an operation waits for a connection before it fails. */
  connectionWaitMs: 5_000,
  /** Operations of one database that wait for a connection. Bounds what a flood makes the server remember. */
  waitingPerDatabase: 1_000,
  /** A database that cannot be connected to within this time is unreachable; the worker is to hear it within 2 s. */
  connectTimeoutMs: 1_500,
  /** A server that has said nothing to a statement for this long is asked whether it is there → when it does not answer that … */
  silenceMs: 1_000,
  /** … within this time either, its connections are given up. Leaves room for one lost packet. */
  silenceProbeMs: 3_000,
  /** A connection that was idle for longer is tried before somebody gets it: networks forget connections without a word. */
  trustedIdleMs: 5_000,
  /** D1: a statement runs at most 30 s. Ends endless queries. A setting. */
  statementMs: 30_000,
  /** From BEGIN to COMMIT, whatever is done in between. Ends transactions that hold locks, and back vacuum, for ever. A setting. */
  transactionMs: 30_000,
  /** A transaction that is asked nothing for this long is rolled back: whoever opened it has forgotten it. */
  idleInTransactionMs: 10_000,
  /** A statement whose worker is gone may finish within this time; then its session is ended. */
  abandonedMs: 500,
  /** An idle connection is closed after this. */
  idleConnectionMs: 30_000,
  /**
   * What one session of the embedded PostgreSQL may allocate. SQL can raise work_mem and build values of a gigabyte; the kernel ends that with
   * "out of memory" (53200) in the one session instead of on the machine.
   */
  sessionMemoryBytes: 512 * MiB,
  /** SQL text of one statement, in bytes. */
  maxSqlBytes: 1 * MiB,
  /** All statements and parameters of one operation, in bytes. Read whole, so it bounds memory. */
  maxOperationBytes: 16 * MiB,
  /** SQL files that wait in the API's memory to be run, each at most as large as an operation, and how long. */
  waitingImports: 8,
  importWaitMs: 600_000,
  /**
   * Links to exports of one account that are good at a time, and how long: each is some bytes of memory and lets whoever has it read a database.
   * → the oldest link of the account stops working
   */
  exportLinksPerAccount: 20,
  exportLinkMs: 3_600_000,
  /**
   * Exports that are read at a time, of one account and on the node: each holds a connection to its database, which workers want, too.
   * → 503, try again
   */
  exportsPerAccount: 2,
  exportsAtOnce: 8,
  /** What an export reads at a time, in bytes: it is in memory. → the export ends with an error */
  maxExportPieceBytes: 32 * MiB,
  /** Statements of one batch. */
  maxStatements: 1_000,
  /** Parameters of one statement: what the wire protocol can count. */
  maxParameters: 65_535,
  /** One message of the server: a row, or an error. A longer one ends the connection. */
  maxMessageBytes: 16 * MiB,
  /**
   * Hyperdrive: large messages that have not come whole or not gone on, of all connections of an account … → the connection that needs more is
   * ended. Stops thousands of connections, or a hostile database, from holding 16 MiB each.
   */
  maxHeldMessageBytesPerAccount: 256 * MiB,
  /** … and of a node → as above. */
  maxHeldMessageBytes: 1024 * MiB,
  /** All that a server says before it is ready. Stops a database of a tenant's own from filling the memory with its greeting → the connection ends. */
  maxStartupAnswerBytes: 64 * KiB,
  /** Temporary files of one session, in MiB: sorts and joins that do not fit into memory. */
  tempFilesMiB: 256,
  /** Memory of one sort or hash before it goes to a file, in MiB. A session may ask for more; the process's own limit stands behind it. */
  workMemMiB: 4,
  /** Size of one database, in MiB; above it only what makes it smaller is let through. A setting. */
  databaseMiB: 10_240,
  /**
   * Locks that all sessions of one database hold at once, and never more than a quarter of what the server has room for. Stops one tenant from taking
   * the server's table of locks, without which nobody can deploy → its sessions end, and it is closed for …
   */
  locksPerDatabase: 10_000,
  /** … this long, twice as long each time … */
  lockPauseFirstMs: 2_000,
  /** … up to this; who keeps to the limit for as long begins anew. */
  lockPauseMaxMs: 300_000,
  /** How often the locks of databases in use are looked at: who takes nothing but locks has them all in a fifth of a second. */
  lockCheckMs: 100,
  /**
   * Processor time that all SQL of an account may use in a second before its sessions run at a lower priority (embedded PostgreSQL). Stops thirty
   * sessions that loop from taking the machine from everybody who only answers.
   */
  sessionCpuMsPerSecond: 100,
  /** How often that time is looked at. */
  sessionCpuCheckMs: 250,
  /** How long a statement of the platform's own is tried again while the server's table of locks is full. */
  lockShortageMs: 2_000,
  /** How often the size of a database that is written to is looked at. */
  sizeCheckMs: 2_000,
  /** D1: databases of an account. */
  databasesPerAccount: 100,
  /** Cloudflare: bytes of a database's name. */
  maxNameBytes: 64,
  /** What a client of Hyperdrive says before its session begins, as in PostgreSQL → the connection is closed. */
  maxFirstMessageBytes: 10_000,
  /** Each text of a database's error that a worker gets; a statement may raise errors of any length → the rest is cut off. */
  maxErrorCharacters: 4_096,
  /** All results of an answer of the API, in characters of JSON → 7500. Stops one query from filling the server's memory. */
  maxApiResultCharacters: 16 * MiB,
} as const;

/** Objects. Cloudflare's numbers (https://developers.cloudflare.com/r2/platform/limits/) where it has them. */
export const R2_LIMITS = {
  /** What a bucket of the embedded store may hold, in GiB; a setting. Stops one worker from filling the disk of all. */
  bucketGiB: 100,
  /** UTF-8 bytes of an object's key. */
  maxKeyBytes: 1024,
  /** Cloudflare: 5 GiB less 5 MiB in one piece, and for one part of a multipart upload. */
  maxPartBytes: 5 * 1024 * MiB - 5 * MiB,
  /** Names and values of `customMetadata` together; stops rows of the database from growing without bound. */
  maxCustomMetadataBytes: 8 * KiB,
  /** All of `httpMetadata` together, for the same reason. */
  maxHttpMetadataBytes: 8 * KiB,
  maxListKeys: 1_000,
  /** Of one `delete`. */
  maxDeleteKeys: 1_000,
  maxParts: 10_000,
  /** All parts of a multipart upload but the last. */
  minPartBytes: 5 * MiB,
  /** The lists that `delete` and `completeMultipartUpload` send: their keys and parts fit, whatever they are. */
  maxListBodyBytes: 7 * MiB,
  /** A cursor holds a key. */
  maxCursorLength: 2_048,
  /** Cloudflare: unfinished multipart uploads are given up after 7 days. */
  uploadLifeMs: 7 * 24 * 3_600_000,
  /** Unfinished multipart uploads of a bucket; each holds a row, and parts hold disk. */
  maxOpenUploads: 10_000,
  /** XML that S3 clients send: 10,000 parts or 1,000 long keys fit. Read whole. */
  maxXmlBytes: 8 * MiB,
  /** Elements of such a document: 10,000 parts with all their checksums fit; each takes some 150 bytes of memory, of four in the document → MalformedXML. */
  maxXmlElements: 100_000,
  /** Connections of this node to the object store behind one bucket, or behind the platform. */
  backendConnections: 64,
  /** An object store that cannot be connected to within this time is unreachable; the worker is to hear it within 2 s. */
  backendConnectMs: 1_500,
  /** Whoever has waited this long for an object store asks whether it is alive: with a HEAD of the bucket, on a connection of its own, one for all who wait. */
  backendPatienceMs: 1_000,
  /** One that answers neither that nor anything else within this time has gone, and all who wait hear it. Not less: a line full of somebody's upload delays a HEAD by seconds. */
  backendProbeMs: 3_000,
  /** A call that does not move for this long, of a store that is alive otherwise, is given up. Ends calls that would hang. */
  backendIdleMs: 15_000,
  /** An object's HEAD or content that does not begin, or go on, within this time, from a store that is alive otherwise, is given up: whoever reads is not to wait for long. */
  backendReadMs: 5_000,
  /** A list or an error that has not ended by then is given up. Stops answers that come byte by byte without end. */
  backendDocumentMs: 30_000,
  /** Keys of S3 clients of one bucket. */
  maxKeys: 100,
  /** CORS rules of a bucket, as S3 has them: each request of a browser is held against all of them. */
  maxCorsRules: 100,
  /** All CORS rules of a bucket together, as JSON, as S3 has it; stops rows from growing without bound. */
  maxCorsBytes: 64 * KiB,
  /** Cloudflare: how long a browser may keep the answer to a preflight. */
  maxCorsAgeSeconds: 86_400,
  /** Of an account. Stops floods of rows; Cloudflare has a million. */
  maxBuckets: 1_000,
  /**
   * Contents that are streamed into the embedded store of a node at a time; each holds a file open → 10058, an error of that operation. Stops many
   * that bring nothing from taking all descriptors.
   */
  maxArrivingContents: 4_096,
  /** Of one account: an eighth, so that others find places → as above. */
  maxArrivingContentsPerAccount: 512,
  /**
   * How long an object that was deleted or replaced can be read on. Its space is nobody's quota; stops readers who stand still from keeping it
   * → the answer breaks off.
   */
  deletedReadMs: 600_000,
  /** A put or part that brings no byte for this long is given up: what it wrote takes disk. */
  bodyIdleMs: 120_000,
  /** Etags of one condition → refused. */
  maxEtagConditions: 100,
  /** The line in front of a chunk of an `aws-chunked` body, and each line of its trailer → the body is refused. */
  maxChunkLineBytes: 1 * KiB,
  /** Lines of such a trailer → the body is refused. */
  maxTrailers: 8,
  /** Elements within one another in a document of a client's, or of a backend's → refused. Stops a deep document from exhausting the stack. */
  maxXmlDepth: 8,
} as const;

/** The server's own log, whoever caused a line: texts of cells, visitors and deployers get into messages and reasons. */
export const LOG_LIMITS = {
  /** One text of a line, its message or a field. Stops one line from taking the disk and the reader's memory, and bounds the time to redact it. */
  maxTextCharacters: 64 * 1024,
} as const;

/** What `/metrics` counts. */
export const METRICS_LIMITS = {
  /** Series of one name → what comes after them is counted together, as `others`. Stops a thousand workers from making every scrape a megabyte. */
  maxSeries: 2_000,
} as const;
