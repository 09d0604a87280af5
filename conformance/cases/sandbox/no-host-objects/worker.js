const rat = async (f) => { try { const v = await f(); return v === undefined ? "undefined" : typeof v === "object" && v !== null ? "object" : v; } catch (e) { return { $error: e.name, $message: e.message }; } };
const names = ["process", "Deno", "Bun", "require", "module", "exports", "__dirname", "global", "Buffer", "window", "document", "self", "globalThis", "importScripts", "postMessage", "onmessage", "Worker", "SharedWorker", "SharedArrayBuffer", "Atomics", "localStorage", "sessionStorage", "indexedDB", "XMLHttpRequest", "Bootstrap", "internalBinding", "primordials", "gc", "load", "print", "quit", "read", "d8", "alert", "close", "name", "location", "history", "parent", "top", "frames", "opener", "screen", "origin", "crossOriginIsolated", "isSecureContext", "trustedTypes", "cookieStore", "BroadcastChannel", "EventSource", "WebTransport", "Notification", "FileReader", "Image", "Audio", "setImmediate", "clearImmediate", "queueMicrotask", "structuredClone", "ServiceWorkerGlobalScope", "WorkerGlobalScope", "Window", "Navigator", "Performance", "PerformanceObserver", "WeakRef", "FinalizationRegistry", "Iterator", "Temporal", "ShadowRealm", "AsyncDisposableStack", "Intl", "escape", "unescape"];
export default {
  async fetch() {
    const out = {};
    for (const n of names) { try { out[n] = typeof globalThis[n]; } catch (e) { out[n] = e.name; } }
    out.nodefs = await rat(() => import("node:fs"));
    out.fs = await rat(() => import("fs"));
    out.proc = await rat(() => import("node:child_process"));
    out.thisFn = (function () { return typeof this; })();
    out.symbols = Object.getOwnPropertySymbols(globalThis).filter((s) => Symbol.keyFor(s)).length;
    out.proto = Object.getPrototypeOf(globalThis).constructor.name;
    out.tag = Object.prototype.toString.call(globalThis);
    out.frozen = [Object.isFrozen(globalThis), Object.isExtensible(globalThis)];
    out.callerArgs = (() => { try { return typeof (function f() { return f.caller; })(); } catch (e) { return e.name; } })();
    out.protoGetter = typeof Object.getOwnPropertyDescriptor(Object.prototype, "__proto__")?.get;
    out.stackFrames = (() => { Error.prepareStackTrace = (e, s) => s.map((x) => [typeof x.getThis(), typeof x.getFunction(), x.getFileName()]); const r = new Error().stack; Error.prepareStackTrace = undefined; return r; })();
    return Response.json(out);
  },
};
