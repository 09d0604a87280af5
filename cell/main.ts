/**
 * The harness: everything that runs inside a cell around the user's code. The order below is the security argument
 * (see docs/protocol.md): open both sockets, take the doors away, close the sandbox, give up the last permissions,
 * and only then take a worker. If any step fails the process ends before it has seen a byte of user code.
 *
 * Arguments: broker socket, in socket, libc, RLIMIT_DATA in MiB, user id (0: keep), file of extras.
 */
import * as extras from './extras.ts';
import * as http from './http/index.ts';
import * as httpBytes from './http/bytes.ts';
import * as primordials from './primordials.ts';
import * as constructors from './constructors.ts';
import * as startup from './startup.ts';
import * as streamFacts from './stream-facts.ts';
import { installStreams } from './streams/index.ts';
import * as streamArguments from './streams/arguments.ts';
import * as callHead from './call-head.ts';
import * as calls from './calls.ts';
import * as channel from './channel.ts';
import * as compat from './compat.ts';
import * as context from './context.ts';
import * as consoleModule from './console.ts';
import * as domException from './dom-exception.ts';
import * as dispatch from './dispatch.ts';
import * as service from './service.ts';
import * as thrown from './thrown.ts';
import * as timers from './timers.ts';
import * as tunnel from './tunnel.ts';
import * as webidl from './webidl.ts';
import * as builtins from './builtins.ts';
import * as moduleRegistry from './module-registry.ts';
import * as moduleValues from './module-values.ts';
import { installModuleHooks } from './modules.ts';
import * as nodeTimers from './node-timers.ts';
import * as nodejs from './nodejs.ts';
import { splitFull } from '../shared/frames.ts';
import {
  CANCEL,
  type CancelMessage,
  COLLECT,
  DISCONNECT,
  GO_AWAY,
  HELLO,
  type HelloMessage,
  INVOKE,
  SERVICE_INVOKE,
  LOAD,
  LOAD_BYTES,
  LOAD_FAILED,
  LOADED,
  type LoadMessage,
  PROTOCOL_VERSION,
  REQUEST_AHEAD,
  type RequestAheadMessage,
} from '../shared/protocol.ts';
import { abortAnswer, receiveInvoke, receiveServiceInvoke } from './answer.ts';
import * as entrypoints from './entrypoints.ts';
import * as invocation from './invocation.ts';
import * as ioOwner from './io-owner.ts';
import * as jsg from './jsg.ts';
import * as loneSurrogates from './lone-surrogates.ts';
import * as r2Objects from './r2-objects.ts';
import * as rpcClasses from './rpc-classes.ts';
import * as sessions from './sessions.ts';
import * as valuePrimordials from './value-primordials.ts';
import * as worker from './worker.ts';
import { connectChannel, sendJson, startReading, stopProcess } from './channel.ts';
import * as clock from './clock.ts';
import * as functionText from './function-text.ts';
import * as fetchModule from './fetch.ts';
import * as hang from './hang.ts';
import { installConsole, toFailure } from './console.ts';
import * as cryptoModule from './crypto.ts';
import { deno } from './deno.ts';
import { collectGarbage } from './garbage.ts';
import { boot } from './host.ts';
import { installEncoding } from './encoding.ts';
import { installEvents } from './events.ts';
import { installGlobals } from './globals.ts';
import { cancelInvocation, disconnectInvocation } from './invocation.ts';
import { installIdentityStreams } from './identity-stream.ts';
import * as random from './random.ts';
import * as scopeFunctions from './scope-functions.ts';
import { installUrl } from './url.ts';
import { copyInto, jsonParse, NativeUint8Array, promiseThen, subarray, utf8Decode } from './primordials.ts';
import { enterSandbox } from './sandbox.ts';
import { setNonce } from './outcome.ts';
import { receiveAhead, serveRequest, startServing } from './serve.ts';
import { installStackTraces } from './stack.ts';
import { installTimers } from './timers.ts';
import { installWebAssembly } from './wasm.ts';
import * as sockets from './sockets.ts';
import { closeVisitors, installWebSockets } from './websocket.ts';
import { installFetch, loadWorker } from './worker.ts';

const EMPTY = new NativeUint8Array(0);
/** The process's own standard error, before `console` is taken over. */
// oxlint-disable-next-line no-console -- the one thing that may be said before the supervisor listens
const writeError = console.error.bind(console);

/** A version on its way in: each module has its own buffer, so that a large one is held once. */
interface IncomingLoad {
  readonly message: LoadMessage;
  readonly contents: Uint8Array<ArrayBuffer>[];
  module: number;
  received: number;
}

/** Modules of the harness that `cell/extras/` may import. An import of anything else fails when the extra is first loaded. */
const OFFERED_TO_EXTRAS = {
  'cell/clock': clock,
  'cell/builtins': builtins,
  'cell/compat': compat,
  'cell/crypto': cryptoModule,
  'cell/context': context,
  'cell/call-head': callHead,
  'cell/calls': calls,
  'cell/console': consoleModule,
  'cell/service': service,
  'cell/channel': channel,
  'cell/dispatch': dispatch,
  'cell/entrypoints': entrypoints,
  'cell/invocation': invocation,
  'cell/io-owner': ioOwner,
  'cell/jsg': jsg,
  'cell/lone-surrogates': loneSurrogates,
  'cell/r2-objects': r2Objects,
  'cell/rpc-classes': rpcClasses,
  'cell/scope-functions': scopeFunctions,
  'cell/sessions': sessions,
  'cell/thrown': thrown,
  'cell/timers': timers,
  'cell/value-primordials': valuePrimordials,
  'cell/worker': worker,
  'cell/constructors': constructors,
  'cell/fetch': fetchModule,
  'cell/dom-exception': domException,
  'cell/extras': extras,
  'cell/function-text': functionText,
  'cell/hang': hang,
  'cell/module-registry': moduleRegistry,
  'cell/module-values': moduleValues,
  'cell/node-timers': nodeTimers,
  'cell/nodejs': nodejs,
  'cell/http/bytes': httpBytes,
  'cell/http/index': http,
  'cell/primordials': primordials,
  'cell/random': random,
  'cell/sockets': sockets,
  'cell/startup': startup,
  'cell/stream-facts': streamFacts,
  'cell/streams/arguments': streamArguments,
  'cell/tunnel': tunnel,
  'cell/webidl': webidl,
};

let load: IncomingLoad | undefined;

async function start(): Promise<void> {
  const [brokerPath, inPath, libcPath, dataLimitMiB, uid, extrasPath] = deno.args as [
    string,
    string,
    string,
    string,
    string,
    string,
  ];
  const { deno: denoVersion, v8 } = deno.version;
  await connectChannel(brokerPath);
  startServing(inPath);
  install();
  const sandbox = enterSandbox({ libcPath, dataLimitMiB: Number(dataLimitMiB), uid: Number(uid) });
  revokeFileRights(brokerPath, inPath, extrasPath);
  sendJson(HELLO, 0, { protocol: PROTOCOL_VERSION, deno: denoVersion, v8, sandbox } satisfies HelloMessage);
  await startReading(onControl);
}

/** Makes the global scope that of Workers. */
function install(): void {
  extras.offerToExtras(OFFERED_TO_EXTRAS);
  installModuleHooks();
  installConsole();
  installEvents();
  installTimers();
  scopeFunctions.installScopeFunctions();
  installUrl();
  installStreams();
  installIdentityStreams();
  http.installHttp();
  installEncoding();
  installFetch();
  installWebSockets();
  sockets.installSockets();
  installWebAssembly();
  clock.installClock();
  installGlobals();
  installStackTraces();
  cryptoModule.installCrypto();
  functionText.installFunctionText();
}

/** Sockets and extras stay open; opening anything else, or unlinking these, is no longer allowed. */
function revokeFileRights(...paths: string[]): void {
  for (const path of paths) {
    deno.permissions.revokeSync({ name: 'read', path });
    deno.permissions.revokeSync({ name: 'write', path });
    deno.permissions.revokeSync({ name: 'net', host: `unix:${path}` });
  }
}

function onControl(type: number, stream: number, payload: Uint8Array): void {
  if (type === INVOKE) {
    const { head, body } = splitFull(payload);
    receiveInvoke(stream, head, body, serveRequest);
  } else if (type === SERVICE_INVOKE) receiveServiceInvoke(stream, payload, serveRequest);
  else if (sessions.isSessionFrame(type)) sessions.receiveSessionFrame(type, stream, payload);
  else if (type === CANCEL) cancelInvocation((jsonParse(utf8Decode(payload)) as CancelMessage).invocation);
  else if (type === DISCONNECT) onDisconnect((jsonParse(utf8Decode(payload)) as CancelMessage).invocation);
  else if (type === GO_AWAY) closeVisitors();
  else if (type === COLLECT) collectGarbage();
  else if (type === REQUEST_AHEAD) receiveAhead(jsonParse(utf8Decode(payload)) as RequestAheadMessage);
  else if (type === LOAD) beginLoad(jsonParse(utf8Decode(payload)) as LoadMessage);
  else if (type === LOAD_BYTES) receiveBytes(payload);
}

function onDisconnect(invocation: number): void {
  abortAnswer(invocation);
  sessions.leaveInboundSession(invocation);
  disconnectInvocation(invocation);
}

function beginLoad(message: LoadMessage): void {
  const contents = message.modules.map(({ sizeBytes }) => new NativeUint8Array(sizeBytes));
  load = { message, contents, module: 0, received: 0 };
  receiveBytes(EMPTY);
}

/** The modules' bytes follow one another; a frame may hold the end of one and the beginning of the next. */
function receiveBytes(payload: Uint8Array): void {
  if (load === undefined) return;
  let at = 0;
  for (;;) {
    const content = load.contents[load.module];
    if (content === undefined) break;
    const missing = content.length - load.received;
    const taken = missing < payload.length - at ? missing : payload.length - at;
    copyInto(content, subarray(payload, at, at + taken), load.received);
    load.received += taken;
    at += taken;
    if (load.received < content.length) return;
    load.module++;
    load.received = 0;
  }
  const { message, contents } = load;
  load = undefined;
  setNonce(message.nonce);
  void promiseThen(
    loadWorker(message, contents),
    (loaded) => sendJson(LOADED, 0, loaded),
    (error) => sendJson(LOAD_FAILED, 0, toFailure(error)),
  );
}

if (boot.onlyInstall) install();
else
  start().then(stopProcess, (error: unknown) => {
    // Standard error is read by the supervisor until HELLO, and shown to the operator as the reason.
    writeError(error);
    stopProcess();
  });
