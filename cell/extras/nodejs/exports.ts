/**
 * What each `node:` module exports: the names that workerd 2026-11-17 gives, no more and no fewer (`default` apart). Data only;
 * the conformance cases `nodejs/exports-*` compare it with workerd.
 */
const EXPORTED_NAMES: Readonly<Record<string, string>> = {
  assert:
    'Assert AssertionError deepEqual deepStrictEqual doesNotMatch doesNotReject doesNotThrow equal fail ifError match notDeepEqual notDeepStrictEqual notEqual notStrictEqual ok partialDeepStrictEqual rejects strict strictEqual throws',
  'assert/strict':
    'Assert AssertionError deepEqual deepStrictEqual doesNotMatch doesNotReject doesNotThrow equal fail ifError match notDeepEqual notDeepStrictEqual notEqual notStrictEqual ok partialDeepStrictEqual rejects strict strictEqual throws',
  async_hooks:
    'AsyncLocalStorage AsyncResource asyncWrapProviders createHook executionAsyncId executionAsyncResource triggerAsyncId',
  buffer:
    'Blob Buffer File INSPECT_MAX_BYTES SlowBuffer atob btoa constants isAscii isUtf8 kMaxLength kStringMaxLength resolveObjectURL transcode',
  child_process: 'ChildProcess _forkChild exec execFile execFileSync execSync fork spawn spawnSync',
  cluster:
    'Cluster SCHED_NONE SCHED_RR Worker _events _eventsCount _maxListeners disconnect fork isMaster isPrimary isWorker schedulingPolicy settings setupMaster setupPrimary workers',
  console:
    'Console assert clear context count countReset createTask debug dir dirxml error group groupCollapsed groupEnd info log profile profileEnd table time timeEnd timeLog timeStamp trace warn',
  constants:
    'COPYFILE_EXCL COPYFILE_FICLONE COPYFILE_FICLONE_FORCE DH_CHECK_P_NOT_PRIME DH_CHECK_P_NOT_SAFE_PRIME DH_NOT_SUITABLE_GENERATOR DH_UNABLE_TO_CHECK_GENERATOR E2BIG EACCES EADDRINUSE EADDRNOTAVAIL EAFNOSUPPORT EAGAIN EALREADY EBADF EBADMSG EBUSY ECANCELED ECHILD ECONNABORTED ECONNREFUSED ECONNRESET EDEADLK EDESTADDRREQ EDOM EDQUOT EEXIST EFAULT EFBIG EHOSTUNREACH EIDRM EILSEQ EINPROGRESS EINTR EINVAL EIO EISCONN EISDIR ELOOP EMFILE EMLINK EMSGSIZE EMULTIHOP ENAMETOOLONG ENETDOWN ENETRESET ENETUNREACH ENFILE ENGINE_METHOD_ALL ENGINE_METHOD_CIPHERS ENGINE_METHOD_DH ENGINE_METHOD_DIGESTS ENGINE_METHOD_DSA ENGINE_METHOD_EC ENGINE_METHOD_NONE ENGINE_METHOD_PKEY_ASN1_METHS ENGINE_METHOD_PKEY_METHS ENGINE_METHOD_RAND ENGINE_METHOD_RSA ENOBUFS ENODATA ENODEV ENOENT ENOEXEC ENOLCK ENOLINK ENOMEM ENOMSG ENOPROTOOPT ENOSPC ENOSR ENOSTR ENOSYS ENOTCONN ENOTDIR ENOTEMPTY ENOTSOCK ENOTSUP ENOTTY ENXIO EOPNOTSUPP EOVERFLOW EPERM EPIPE EPROTO EPROTONOSUPPORT EPROTOTYPE ERANGE EROFS ESPIPE ESRCH ESTALE ETIME ETIMEDOUT ETXTBSY EWOULDBLOCK EXDEV EXTENSIONLESS_FORMAT_JAVASCRIPT EXTENSIONLESS_FORMAT_WASM F_OK OPENSSL_VERSION_NUMBER O_APPEND O_CREAT O_DIRECT O_DIRECTORY O_DSYNC O_EXCL O_NOATIME O_NOCTTY O_NOFOLLOW O_NONBLOCK O_RDONLY O_RDWR O_SYMLINK O_SYNC O_TRUNC O_WRONLY POINT_CONVERSION_COMPRESSED POINT_CONVERSION_HYBRID POINT_CONVERSION_UNCOMPRESSED PRIORITY_ABOVE_NORMAL PRIORITY_BELOW_NORMAL PRIORITY_HIGH PRIORITY_HIGHEST PRIORITY_LOW PRIORITY_NORMAL RSA_NO_PADDING RSA_PKCS1_OAEP_PADDING RSA_PKCS1_PADDING RSA_PKCS1_PSS_PADDING RSA_PSS_SALTLEN_AUTO RSA_PSS_SALTLEN_DIGEST RSA_PSS_SALTLEN_MAX_SIGN RSA_X931_PADDING RTLD_DEEPBIND RTLD_GLOBAL RTLD_LAZY RTLD_LOCAL RTLD_NOW R_OK SIGABRT SIGALRM SIGBUS SIGCHLD SIGCONT SIGFPE SIGHUP SIGILL SIGINFO SIGINT SIGIO SIGIOT SIGKILL SIGPIPE SIGPOLL SIGPROF SIGPWR SIGQUIT SIGSEGV SIGSTKFLT SIGSTOP SIGSYS SIGTERM SIGTRAP SIGTSTP SIGTTIN SIGTTOU SIGURG SIGUSR1 SIGUSR2 SIGVTALRM SIGWINCH SIGXCPU SIGXFSZ SSL_OP_ALL SSL_OP_ALLOW_NO_DHE_KEX SSL_OP_ALLOW_UNSAFE_LEGACY_RENEGOTIATION SSL_OP_CIPHER_SERVER_PREFERENCE SSL_OP_CISCO_ANYCONNECT SSL_OP_COOKIE_EXCHANGE SSL_OP_CRYPTOPRO_TLSEXT_BUG SSL_OP_DONT_INSERT_EMPTY_FRAGMENTS SSL_OP_LEGACY_SERVER_CONNECT SSL_OP_NO_COMPRESSION SSL_OP_NO_ENCRYPT_THEN_MAC SSL_OP_NO_QUERY_MTU SSL_OP_NO_RENEGOTIATION SSL_OP_NO_SESSION_RESUMPTION_ON_RENEGOTIATION SSL_OP_NO_SSLv2 SSL_OP_NO_SSLv3 SSL_OP_NO_TICKET SSL_OP_NO_TLSv1 SSL_OP_NO_TLSv1_1 SSL_OP_NO_TLSv1_2 SSL_OP_NO_TLSv1_3 SSL_OP_PRIORITIZE_CHACHA SSL_OP_TLS_ROLLBACK_BUG S_IFBLK S_IFCHR S_IFDIR S_IFIFO S_IFLNK S_IFMT S_IFREG S_IFSOCK S_IRGRP S_IROTH S_IRUSR S_IRWXG S_IRWXO S_IRWXU S_IWGRP S_IWOTH S_IWUSR S_IXGRP S_IXOTH S_IXUSR TLS1_1_VERSION TLS1_2_VERSION TLS1_3_VERSION TLS1_VERSION UV_DIRENT_BLOCK UV_DIRENT_CHAR UV_DIRENT_DIR UV_DIRENT_FIFO UV_DIRENT_FILE UV_DIRENT_LINK UV_DIRENT_SOCKET UV_DIRENT_UNKNOWN UV_FS_COPYFILE_EXCL UV_FS_COPYFILE_FICLONE UV_FS_COPYFILE_FICLONE_FORCE UV_FS_O_FILEMAP UV_FS_SYMLINK_DIR UV_FS_SYMLINK_JUNCTION W_OK X_OK defaultCipherList defaultCoreCipherList',
  crypto:
    'Certificate Cipher Cipheriv CryptoKey Decipher Decipheriv DiffieHellman DiffieHellmanGroup ECDH Hash Hmac KeyObject PrivateKeyObject PublicKeyObject SecretKeyObject Sign Verify X509Certificate checkPrime checkPrimeSync constants createCipher createCipheriv createDecipher createDecipheriv createDiffieHellman createDiffieHellmanGroup createECDH createHash createHmac createPrivateKey createPublicKey createSecretKey createSign createVerify diffieHellman fips generateKey generateKeyPair generateKeyPairSync generateKeySync generatePrime generatePrimeSync getCipherInfo getCiphers getCurves getDiffieHellman getFips getHashes getRandomValues hash hkdf hkdfSync pbkdf2 pbkdf2Sync privateDecrypt privateEncrypt pseudoRandomBytes publicDecrypt publicEncrypt randomBytes randomFill randomFillSync randomInt randomUUID scrypt scryptSync secureHeapUsed setEngine setFips sign subtle timingSafeEqual verify webcrypto',
  dgram: 'Socket createSocket',
  diagnostics_channel: 'Channel TracingChannel channel hasSubscribers subscribe tracingChannel unsubscribe',
  dns: 'ADDRCONFIG ADDRGETNETWORKPARAMS ALL BADFAMILY BADFLAGS BADHINTS BADNAME BADQUERY BADRESP BADSTR CANCELLED CONNREFUSED DESTRUCTION EOF FILE FORMERR LOADIPHLPAPI NODATA NOMEM NONAME NOTFOUND NOTIMP NOTINITIALIZED REFUSED Resolver SERVFAIL TIMEOUT V4MAPPED getDefaultResultOrder getServers lookup lookupService promises resolve resolve4 resolve6 resolveAny resolveCaa resolveCname resolveMx resolveNaptr resolveNs resolvePtr resolveSoa resolveSrv resolveTxt reverse setDefaultResultOrder setServers',
  'dns/promises':
    'ADDRCONFIG ADDRGETNETWORKPARAMS ALL BADFAMILY BADFLAGS BADHINTS BADNAME BADQUERY BADRESP BADSTR CANCELLED CONNREFUSED DESTRUCTION EOF FILE FORMERR LOADIPHLPAPI NODATA NOMEM NONAME NOTFOUND NOTIMP NOTINITIALIZED REFUSED Resolver SERVFAIL TIMEOUT V4MAPPED getDefaultResultOrder getServers lookup lookupService resolve resolve4 resolve6 resolveAny resolveCaa resolveCname resolveMx resolveNaptr resolveNs resolvePtr resolveSoa resolveSrv resolveTxt reverse setDefaultResultOrder setServers',
  domain: 'Domain active create createDomain',
  events:
    'EventEmitter EventEmitterAsyncResource addAbortListener captureRejectionSymbol captureRejections defaultMaxListeners errorMonitor getEventListeners getMaxListeners listenerCount on once setMaxListeners usingDomains',
  fs: 'Dir Dirent F_OK FileReadStream FileWriteStream R_OK ReadStream Stats W_OK WriteStream X_OK access accessSync appendFile appendFileSync chmod chmodSync chown chownSync close closeSync constants copyFile copyFileSync cp cpSync createReadStream createWriteStream exists existsSync fchmod fchmodSync fchown fchownSync fdatasync fdatasyncSync fstat fstatSync fsync fsyncSync ftruncate ftruncateSync futimes futimesSync glob globSync lchmod lchmodSync lchown lchownSync link linkSync lstat lstatSync lutimes lutimesSync mkdir mkdirSync mkdtemp mkdtempSync open openAsBlob openSync opendir opendirSync promises read readFile readFileSync readSync readdir readdirSync readlink readlinkSync readv readvSync realpath realpathSync rename renameSync rm rmSync rmdir rmdirSync stat statSync statfs statfsSync symlink symlinkSync truncate truncateSync unlink unlinkSync unwatchFile utimes utimesSync watch watchFile write writeFile writeFileSync writeSync writev writevSync',
  'fs/promises':
    'FileHandle access appendFile chmod chown constants copyFile cp glob lchmod lchown link lstat lutimes mkdir mkdtemp open opendir readFile readdir readlink realpath rename rm rmdir stat statfs symlink truncate unlink utimes watch writeFile',
  http: 'Agent ClientRequest CloseEvent IncomingMessage METHODS MessageEvent OutgoingMessage STATUS_CODES Server ServerResponse WebSocket _connectionListener createServer get globalAgent maxHeaderSize request setMaxIdleHTTPParsers validateHeaderName validateHeaderValue',
  http2:
    'Http2ServerRequest Http2ServerResponse connect constants createSecureServer createServer getDefaultSettings getPackedSettings getUnpackedSettings performServerHandshake sensitiveHeaders',
  https: 'Agent Server createServer get globalAgent request',
  inspector: 'Network Session close console open url waitForDebugger',
  'inspector/promises': 'Network Session close console open url waitForDebugger',
  module:
    'Module SourceMap _cache _debug _extensions _findPath _initPaths _load _nodeModulePaths _pathCache _preloadModules _resolveFilename _resolveLookupPaths builtinModules constants createRequire enableCompileCache findPackageJSON findSourceMap flushCompileCache getCompileCacheDir getSourceMapsSupport globalPaths isBuiltin register registerHooks runMain setSourceMapsSupport stripTypeScriptTypes syncBuiltinESMExports wrap',
  net: 'BlockList BoundSocket Server Socket SocketAddress Stream _normalizeArgs connect createConnection createServer getDefaultAutoSelectFamily getDefaultAutoSelectFamilyAttemptTimeout isIP isIPv4 isIPv6 setDefaultAutoSelectFamily setDefaultAutoSelectFamilyAttemptTimeout',
  os: 'EOL arch availableParallelism constants cpus devNull endianness freemem getPriority homedir hostname loadavg machine networkInterfaces platform release setPriority tmpdir totalmem type uptime userInfo version',
  path: 'basename delimiter dirname extname format isAbsolute join matchesGlob normalize parse posix relative resolve sep toNamespacedPath win32',
  'path/posix':
    'basename delimiter dirname extname format isAbsolute join matchesGlob normalize parse posix relative resolve sep toNamespacedPath win32',
  'path/win32':
    'basename delimiter dirname extname format isAbsolute join matchesGlob normalize parse posix relative resolve sep toNamespacedPath win32',
  perf_hooks:
    'Performance PerformanceEntry PerformanceMark PerformanceMeasure PerformanceObserver PerformanceObserverEntryList PerformanceResourceTiming constants createHistogram eventLoopUtilization monitorEventLoopDelay performance timerify',
  process:
    '_channel _debugEnd _debugProcess _disconnect _events _eventsCount _exiting _fatalException _getActiveHandles _getActiveRequests _handleQueue _kill _linkedBinding _maxListeners _pendingMessage _preload_modules _rawDebug _send _startProfilerIdleNotifier _stopProfilerIdleNotifier _tickCallback abort allowedNodeEnvironmentFlags arch argv argv0 assert availableMemory binding channel chdir config connected constrainedMemory cpuUsage cwd debugPort dlopen domain emitWarning env execArgv execPath execve exit exitCode features finalization getActiveResourcesInfo getBuiltinModule getSourceMapsSupport getegid geteuid getgid getgroups getuid hasUncaughtExceptionCaptureCallback hrtime initgroups kill loadEnvFile memoryUsage moduleLoadList nextTick noDeprecation openStdin permission pid platform ppid reallyExit ref release report resourceUsage send setSourceMapsEnabled setUncaughtExceptionCaptureCallback setegid seteuid setgid setgroups setuid sourceMapsEnabled stderr stdin stdout threadCpuUsage throwDeprecation title traceDeprecation umask unref uptime version versions',
  punycode: 'decode encode toASCII toUnicode ucs2 version',
  querystring: 'decode encode escape parse stringify unescape unescapeBuffer',
  readline: 'Interface clearLine clearScreenDown createInterface cursorTo emitKeypressEvents moveCursor promises',
  'readline/promises': 'Interface Readline createInterface',
  repl: 'REPLServer REPL_MODE_SLOPPY REPL_MODE_STRICT Recoverable _builtinLibs builtinModules start writer',
  sqlite: 'DatabaseSync StatementSync backup constants',
  stream:
    'Duplex PassThrough Readable Stream Transform Writable _isArrayBufferView _isUint8Array _uint8ArrayToBuffer addAbortSignal compose destroy duplexPair finished getDefaultHighWaterMark isDestroyed isDisturbed isErrored isReadable isWritable pipeline promises setDefaultHighWaterMark',
  'stream/consumers': 'arrayBuffer blob buffer json text',
  'stream/promises': 'finished pipeline promises',
  'stream/web':
    'ByteLengthQueuingStrategy CompressionStream CountQueuingStrategy DecompressionStream ReadableByteStreamController ReadableStream ReadableStreamBYOBReader ReadableStreamBYOBRequest ReadableStreamDefaultController ReadableStreamDefaultReader TextDecoderStream TextEncoderStream TransformStream TransformStreamDefaultController WritableStream WritableStreamDefaultController WritableStreamDefaultWriter',
  string_decoder: 'StringDecoder',
  sys: 'MIMEParams MIMEType TextDecoder TextEncoder _errnoException _exceptionWithHostPort _extend aborted callbackify convertProcessSignalToExitCode debug debuglog deprecate diff format formatWithOptions getCallSite getCallSites getSystemErrorMap getSystemErrorMessage getSystemErrorName inherits inspect isArray isBoolean isBuffer isDate isDeepStrictEqual isError isFunction isNull isNullOrUndefined isNumber isObject isPrimitive isRegExp isString isSymbol isUndefined log parseArgs parseEnv promisify setTraceSigInt stripVTControlCharacters styleText toUSVString transferableAbortController transferableAbortSignal types',
  test: 'MockFunctionContext MockTracker mock',
  timers:
    'Timeout active clearImmediate clearInterval clearTimeout enroll promises setImmediate setInterval setTimeout unenroll',
  'timers/promises': 'scheduler setImmediate setInterval setTimeout',
  tls: 'CLIENT_RENEG_LIMIT CLIENT_RENEG_WINDOW DEFAULT_CIPHERS DEFAULT_ECDH_CURVE DEFAULT_MAX_VERSION DEFAULT_MIN_VERSION SecureContext Server TLSSocket checkServerIdentity connect convertALPNProtocols createSecureContext createSecurePair createServer getCiphers rootCertificates',
  trace_events: 'createTracing getEnabledCategories',
  tty: 'ReadStream WriteStream isatty',
  url: 'URL URLSearchParams Url domainToASCII domainToUnicode fileURLToPath format parse pathToFileURL resolve resolveObject toPathIfFileURL urlToHttpOptions',
  util: 'MIMEParams MIMEType TextDecoder TextEncoder _errnoException _exceptionWithHostPort _extend aborted callbackify convertProcessSignalToExitCode debug debuglog deprecate diff format formatWithOptions getCallSite getCallSites getSystemErrorMap getSystemErrorMessage getSystemErrorName inherits inspect isArray isBoolean isBuffer isDate isDeepStrictEqual isError isFunction isNull isNullOrUndefined isNumber isObject isPrimitive isRegExp isString isSymbol isUndefined log parseArgs parseEnv promisify setTraceSigInt stripVTControlCharacters styleText toUSVString transferableAbortController transferableAbortSignal types',
  'util/types':
    'isAnyArrayBuffer isArgumentsObject isArrayBuffer isArrayBufferView isAsyncFunction isBigInt64Array isBigIntObject isBigUint64Array isBooleanObject isBoxedPrimitive isCryptoKey isDataView isDate isExternal isFloat16Array isFloat32Array isFloat64Array isGeneratorFunction isGeneratorObject isInt16Array isInt32Array isInt8Array isKeyObject isMap isMapIterator isModuleNamespaceObject isNativeError isNumberObject isPromise isProxy isRegExp isSet isSetIterator isSharedArrayBuffer isStringObject isSymbolObject isTypedArray isUint16Array isUint32Array isUint8Array isUint8ClampedArray isWeakMap isWeakSet',
  v8: 'DefaultDeserializer DefaultSerializer Deserializer GCProfiler Serializer cachedDataVersionTag deserialize getCppHeapStatistics getHeapCodeStatistics getHeapSnapshot getHeapSpaceStatistics getHeapStatistics isStringOneByteRepresentation promiseHooks queryObjects serialize setFlagsFromString setHeapSnapshotNearHeapLimit startupSnapshot stopCoverage takeCoverage writeHeapSnapshot',
  vm: 'Script compileFunction constants createContext createScript isContext measureMemory runInContext runInNewContext runInThisContext',
  wasi: 'WASI',
  worker_threads:
    'BroadcastChannel MessageChannel MessagePort SHARE_ENV Worker getEnvironmentData isInternalThread isMainThread isMarkedAsUntransferable markAsUncloneable markAsUntransferable moveMessagePortToContext parentPort postMessageToThread receiveMessageOnPort resourceLimits setEnvironmentData threadId workerData',
  zlib: 'BROTLI_DECODE BROTLI_DECODER_ERROR_ALLOC_BLOCK_TYPE_TREES BROTLI_DECODER_ERROR_ALLOC_CONTEXT_MAP BROTLI_DECODER_ERROR_ALLOC_CONTEXT_MODES BROTLI_DECODER_ERROR_ALLOC_RING_BUFFER_1 BROTLI_DECODER_ERROR_ALLOC_RING_BUFFER_2 BROTLI_DECODER_ERROR_ALLOC_TREE_GROUPS BROTLI_DECODER_ERROR_DICTIONARY_NOT_SET BROTLI_DECODER_ERROR_FORMAT_BLOCK_LENGTH_1 BROTLI_DECODER_ERROR_FORMAT_BLOCK_LENGTH_2 BROTLI_DECODER_ERROR_FORMAT_CL_SPACE BROTLI_DECODER_ERROR_FORMAT_CONTEXT_MAP_REPEAT BROTLI_DECODER_ERROR_FORMAT_DICTIONARY BROTLI_DECODER_ERROR_FORMAT_DISTANCE BROTLI_DECODER_ERROR_FORMAT_EXUBERANT_META_NIBBLE BROTLI_DECODER_ERROR_FORMAT_EXUBERANT_NIBBLE BROTLI_DECODER_ERROR_FORMAT_HUFFMAN_SPACE BROTLI_DECODER_ERROR_FORMAT_PADDING_1 BROTLI_DECODER_ERROR_FORMAT_PADDING_2 BROTLI_DECODER_ERROR_FORMAT_RESERVED BROTLI_DECODER_ERROR_FORMAT_SIMPLE_HUFFMAN_ALPHABET BROTLI_DECODER_ERROR_FORMAT_SIMPLE_HUFFMAN_SAME BROTLI_DECODER_ERROR_FORMAT_TRANSFORM BROTLI_DECODER_ERROR_FORMAT_WINDOW_BITS BROTLI_DECODER_ERROR_INVALID_ARGUMENTS BROTLI_DECODER_ERROR_UNREACHABLE BROTLI_DECODER_NEEDS_MORE_INPUT BROTLI_DECODER_NEEDS_MORE_OUTPUT BROTLI_DECODER_NO_ERROR BROTLI_DECODER_PARAM_DISABLE_RING_BUFFER_REALLOCATION BROTLI_DECODER_PARAM_LARGE_WINDOW BROTLI_DECODER_RESULT_ERROR BROTLI_DECODER_RESULT_NEEDS_MORE_INPUT BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT BROTLI_DECODER_RESULT_SUCCESS BROTLI_DECODER_SUCCESS BROTLI_DEFAULT_MODE BROTLI_DEFAULT_QUALITY BROTLI_DEFAULT_WINDOW BROTLI_ENCODE BROTLI_LARGE_MAX_WINDOW_BITS BROTLI_MAX_INPUT_BLOCK_BITS BROTLI_MAX_QUALITY BROTLI_MAX_WINDOW_BITS BROTLI_MIN_INPUT_BLOCK_BITS BROTLI_MIN_QUALITY BROTLI_MIN_WINDOW_BITS BROTLI_MODE_FONT BROTLI_MODE_GENERIC BROTLI_MODE_TEXT BROTLI_OPERATION_EMIT_METADATA BROTLI_OPERATION_FINISH BROTLI_OPERATION_FLUSH BROTLI_OPERATION_PROCESS BROTLI_PARAM_DISABLE_LITERAL_CONTEXT_MODELING BROTLI_PARAM_LARGE_WINDOW BROTLI_PARAM_LGBLOCK BROTLI_PARAM_LGWIN BROTLI_PARAM_MODE BROTLI_PARAM_NDIRECT BROTLI_PARAM_NPOSTFIX BROTLI_PARAM_QUALITY BrotliCompress BrotliDecompress DEFLATE DEFLATERAW Deflate DeflateRaw GUNZIP GZIP Gunzip Gzip INFLATE INFLATERAW Inflate InflateRaw UNZIP Unzip ZLIB_VERNUM ZSTD_COMPRESS ZSTD_DECODE ZSTD_DECOMPRESS ZSTD_ENCODE ZSTD_error_GENERIC ZSTD_error_checksum_wrong ZSTD_error_corruption_detected ZSTD_error_dictionaryCreation_failed ZSTD_error_dictionary_corrupted ZSTD_error_dictionary_wrong ZSTD_error_dstBuffer_null ZSTD_error_dstSize_tooSmall ZSTD_error_frameParameter_unsupported ZSTD_error_frameParameter_windowTooLarge ZSTD_error_init_missing ZSTD_error_literals_headerWrong ZSTD_error_maxSymbolValue_tooLarge ZSTD_error_maxSymbolValue_tooSmall ZSTD_error_memory_allocation ZSTD_error_noForwardProgress_destFull ZSTD_error_noForwardProgress_inputEmpty ZSTD_error_no_error ZSTD_error_parameter_combination_unsupported ZSTD_error_parameter_outOfBound ZSTD_error_parameter_unsupported ZSTD_error_prefix_unknown ZSTD_error_srcSize_wrong ZSTD_error_stabilityCondition_notRespected ZSTD_error_stage_wrong ZSTD_error_tableLog_tooLarge ZSTD_error_version_unsupported ZSTD_error_workSpace_tooSmall Z_BEST_COMPRESSION Z_BEST_SPEED Z_BLOCK Z_BUF_ERROR Z_DATA_ERROR Z_DEFAULT_CHUNK Z_DEFAULT_COMPRESSION Z_DEFAULT_LEVEL Z_DEFAULT_MEMLEVEL Z_DEFAULT_STRATEGY Z_DEFAULT_WINDOWBITS Z_ERRNO Z_FILTERED Z_FINISH Z_FIXED Z_FULL_FLUSH Z_HUFFMAN_ONLY Z_MAX_CHUNK Z_MAX_LEVEL Z_MAX_MEMLEVEL Z_MAX_WINDOWBITS Z_MEM_ERROR Z_MIN_CHUNK Z_MIN_LEVEL Z_MIN_MEMLEVEL Z_MIN_WINDOWBITS Z_NEED_DICT Z_NO_COMPRESSION Z_NO_FLUSH Z_OK Z_PARTIAL_FLUSH Z_RLE Z_STREAM_END Z_STREAM_ERROR Z_SYNC_FLUSH Z_VERSION_ERROR ZstdCompress ZstdDecompress brotliCompress brotliCompressSync brotliDecompress brotliDecompressSync codes constants crc32 createBrotliCompress createBrotliDecompress createDeflate createDeflateRaw createGunzip createGzip createInflate createInflateRaw createUnzip createZstdCompress createZstdDecompress deflate deflateRaw deflateRawSync deflateSync gunzip gunzipSync gzip gzipSync inflate inflateRaw inflateRawSync inflateSync unzip unzipSync zstdCompress zstdCompressSync zstdDecompress zstdDecompressSync',
  _http_agent: 'Agent globalAgent',
  _http_client: 'ClientRequest',
  _http_common:
    'CRLF _checkInvalidHeaderChar _checkIsHttpToken chunkExpression continueExpression kIncomingMessage methods parsers',
  _http_incoming: 'IncomingMessage',
  _http_outgoing:
    'OutgoingMessage kHighWaterMark kUniqueHeaders parseUniqueHeadersOption validateHeaderName validateHeaderValue',
  _http_server:
    'STATUS_CODES Server ServerResponse _connectionListener httpServerPreClose kConnectionsCheckingInterval kServerResponse setupConnectionsTracking storeHTTPOptions',
  _stream_duplex: 'Duplex from fromWeb toWeb',
  _stream_passthrough: 'PassThrough',
  _stream_readable: 'Readable ReadableState from fromWeb toWeb wrap',
  _stream_transform: 'Transform',
  _stream_wrap: '',
  _stream_writable: 'Writable WritableState fromWeb toWeb',
  _tls_common: 'SecureContext createSecureContext translatePeerCertificate',
  _tls_wrap: 'TLSSocket connect',
};

/** The names of a module's exports, with `default`. Known without making the module. */
export function exportedNames(name: string): readonly string[] {
  const names = EXPORTED_NAMES[name] ?? '';
  return names === '' ? ['default'] : [...names.split(' '), 'default'];
}

/** Names that a module exports and its default export has not. */
const NOT_IN_DEFAULT: Readonly<Record<string, readonly string[]>> = {
  diagnostics_channel: ['TracingChannel'],
  'dns/promises': ['ADDRCONFIG', 'ALL', 'V4MAPPED'],
  'stream/promises': ['promises'],
  timers: ['Timeout'],
};

/** The default export of a module whose default export is an object of its own. */
export function defaultObject(name: string, exports: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const object = { ...exports };
  for (const key of NOT_IN_DEFAULT[name] ?? []) delete object[key];
  return object;
}
