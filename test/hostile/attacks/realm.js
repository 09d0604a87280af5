// Get out of the language: find the engine's own objects again, make code from strings, reach other worlds within the process.

const FORBIDDEN =
  /^(Deno|dlopen|readFileSync|getBuiltinModule|execPath|_linkedBinding|ext:|__bootstrap|internalBinding|op_[a-z]+)/;

/** Walks everything reachable and names what should not be. */
function search(root, path, depth = 5, seen = new Set()) {
  const found = [];
  const visit = (value, at, left) => {
    if ((typeof value !== 'object' && typeof value !== 'function') || value === null || seen.has(value) || left === 0)
      return;
    seen.add(value);
    for (const key of Reflect.ownKeys(value)) {
      const descriptor = Reflect.getOwnPropertyDescriptor(value, key);
      if (FORBIDDEN.test(String(key)) && !at.includes('node:')) found.push(`${at}.${String(key)}`);
      for (const next of [descriptor?.value, descriptor?.get, descriptor?.set])
        visit(next, `${at}.${String(key)}`, left - 1);
    }
    visit(Reflect.getPrototypeOf(value), `${at}.__proto__`, left - 1);
  };
  visit(root, path, depth);
  return found;
}

export const attacks = {
  'eval and every constructor of functions make no code': async ({ attempt }) => {
    for (const make of [
      () => (0, eval)('1+1'),
      () => new Function('return 1')(),
      () => Reflect.construct(Function, ['return 1'])(),
      () => (() => {}).constructor('return 1')(),
      () => (async () => {}).constructor('return 1')(),
      () => function* () {}.constructor('yield 1')().next(),
      () => async function* () {}.constructor('yield 1')().next(),
      () => Function.prototype.constructor.call(null, 'return 1')(),
      () => Reflect.getPrototypeOf(class {}).constructor('return 1')(),
    ])
      await attempt(String(make), make);
  },
  'timers take no text as code': async ({ attempt }) => {
    for (const schedule of [setTimeout, setInterval])
      await attempt(schedule.name, () => schedule('globalThis.ran = 1', 0));
    await new Promise((resolve) => setTimeout(resolve, 10));
    await attempt('ran', () => globalThis.ran);
  },
  'the engine’s namespaces are nowhere on the global object or below': ({ attempts }) => {
    attempts.got.push(...search(globalThis, 'globalThis'));
  },
  'nor on request, env, ctx and what they are made of': ({ attempts, request, env, ctx }) => {
    const seen = new Set([globalThis]);
    for (const [path, root] of Object.entries({ request, env, ctx })) attempts.got.push(...search(root, path, 7, seen));
  },
  'nor on what handlers, streams, responses and errors bring': async ({ attempts, aim }) => {
    const response = new Response('x');
    const error = await fetch(`http://127.0.0.1:${aim.port}/`).catch((reason) => reason);
    const things = {
      error,
      response,
      body: response.body,
      reader: new Response('x').body.getReader(),
      pair: new WebSocketPair(),
      form: new FormData(),
      url: new URL('http://x/'),
      signal: AbortSignal.timeout(10),
      blob: new Blob(['x']),
      channel: new MessageChannel(),
      key: await crypto.subtle.generateKey({ name: 'AES-GCM', length: 256 }, true, ['encrypt']),
      caches,
      performance,
      rewriter: new HTMLRewriter(),
    };
    for (const [path, root] of Object.entries(things)) attempts.got.push(...search(root, path, 6));
  },
  'call sites of errors show no functions, objects or paths of the harness': async ({ attempts }) => {
    const { prepareStackTrace } = Error;
    const sites = [];
    Error.prepareStackTrace = (_error, list) => {
      sites.push(...list);
      return '';
    };
    void new Error().stack;
    await new Promise((resolve) =>
      queueMicrotask(() => {
        void new Error().stack;
        resolve();
      }),
    );
    Error.prepareStackTrace = prepareStackTrace;
    for (const site of sites) {
      for (const value of [site.getThis?.(), site.getFunction?.()])
        if (value !== undefined) attempts.got.push(...search(value, 'site'));
      if (/\/(home|work|tmp|root|usr)\//.test(String(site.getFileName?.()))) attempts.got.push(site.getFileName());
    }
  },
  'an exception of the platform hands out no object of the harness': async ({ attempts, attempt }) => {
    const thrown = [];
    for (const fail of [
      () => null.x,
      () => new Response('', { status: 999 }),
      () => structuredClone(() => {}),
      () => new Headers([['\n', '']]),
      () => atob('%'),
      () => new URL('x'),
    ]) {
      try {
        fail();
      } catch (error) {
        thrown.push(error);
      }
    }
    for (const error of thrown) {
      await attempt('constructor', () => error.constructor.constructor('return 1')());
      attempts.got.push(...search(error, 'error'));
    }
  },
  'stack overflow inside the platform’s functions leaves no half-open door': async ({ attempt, attempts }) => {
    const functions = [
      () => new Headers({ a: 'b' }),
      () => new Request('http://x/'),
      () => structuredClone({ a: [1] }),
      () => new URL('http://x/?a=b').searchParams.get('a'),
      () => crypto.randomUUID(),
      () => new TextDecoder().decode(new Uint8Array(3)),
    ];
    for (const run of functions) {
      const errors = [];
      const dive = () => {
        try {
          dive();
        } catch (error) {
          if (errors.length < 50) errors.push(error);
          run();
        }
      };
      await attempt(String(run), () => {
        try {
          dive();
        } catch (error) {
          errors.push(error);
        }
      });
      for (const error of errors) attempts.got.push(...search(error, 'error', 3));
    }
  },
  'a ShadowRealm, a Worker, a Worklet, an iframe: no other world is there': ({ attempts }) => {
    for (const name of [
      'ShadowRealm',
      'Worker',
      'SharedWorker',
      'ServiceWorker',
      'Worklet',
      'document',
      'Deno',
      'process_',
      'importScripts',
      'XMLHttpRequest',
      'BroadcastChannel',
      'WebTransport',
      'Temporal_',
    ])
      if (name in globalThis) attempts.got.push(name);
  },
  'node:vm, node:worker_threads, node:module, node:inspector and node:v8 lead nowhere': async ({ attempt }) => {
    await attempt('vm', async () => (await import('node:vm')).runInThisContext('1 + 1'));
    await attempt('vm.Script', async () => new (await import('node:vm')).Script('1').runInThisContext());
    await attempt('vm.compileFunction', async () => (await import('node:vm')).compileFunction('return 1')());
    await attempt('Worker', async () => {
      const { Worker } = await import('node:worker_threads');
      await new Promise((resolve, reject) => new Worker('1', { eval: true }).on('online', resolve).on('error', reject));
      return 'started';
    });
    await attempt(
      'createRequire',
      async () =>
        typeof (await import('node:module')).createRequire('file:///')('node:child_process').spawnSync('id').stdout,
    );
    await attempt(
      'registerHooks',
      async () =>
        typeof (await import('node:module')).registerHooks({ resolve: (specifier, context, next) => next(specifier) }),
    );
    await attempt('inspector', async () => {
      const name = 'node:inspector';
      const inspector = await import(name);
      inspector.open(0, '127.0.0.1');
      return inspector.url();
    });
    await attempt('setFlags', async () => {
      (await import('node:v8')).setFlagsFromString('--allow-natives-syntax');
      return new Function('return %DebugPrint(1)')();
    });
    await attempt('heap snapshot', async () => {
      let size = 0;
      for await (const chunk of (await import('node:v8')).getHeapSnapshot()) size += chunk.length;
      return size > 0 && `${size} bytes`;
    });
  },
  'process gives no binding, signal or foreign library, and changes no directory': async ({ attempt }) => {
    const { default: process } = await import('node:process');
    await attempt('binding', () => Object.keys(process.binding('fs')).length);
    await attempt('_linkedBinding', () => process._linkedBinding('fs'));
    await attempt('dlopen', () => {
      process.dlopen({ exports: {} }, '/lib/x86_64-linux-gnu/libc.so.6');
      return 'loaded';
    });
    await attempt('kill', () => process.kill(1, 0));
    await attempt('chdir', () => {
      process.chdir('/proc');
      return process.cwd();
    });
    await attempt('getBuiltinModule', () => typeof process.getBuiltinModule('node:child_process').spawnSync('id').pid);
  },
  'process.exit ends at most the request of its own worker': {
    end: 'exception',
    run: async () => (await import('node:process')).default.exit(0),
  },
  'process.abort ends at most the cell of its own worker': {
    end: 'exception',
    run: async () => (await import('node:process')).default.abort(),
  },
  'the handover of modules is not on the global object while a request runs': async ({ attempts, attempt }) => {
    const key = Symbol.for('skep.module');
    if (key in globalThis) attempts.got.push('handover');
    for (const symbol of Object.getOwnPropertySymbols(globalThis))
      if (String(symbol.description).includes('skep')) attempts.got.push(String(symbol));
    await attempt('call', () => globalThis[key](1));
  },
  'a trap on the handover’s symbol catches no module but the worker’s own': async ({ attempts, attempt }) => {
    const key = Symbol.for('skep.module');
    const caught = [];
    await attempt('trap', () => {
      Object.defineProperty(globalThis, key, {
        configurable: true,
        get: () => (number, argument) => {
          caught.push([number, argument]);
        },
        set: (value) => void caught.push(value),
      });
    });
    for (const name of ['node:fs', 'node:crypto', 'node:http', 'cloudflare:sockets', 'cloudflare:workers'])
      await import(name).catch(() => {});
    delete globalThis[key];
    for (const value of caught) attempts.got.push(...search(value, 'caught', 4));
  },
  'a handover that cannot be defined any more harms the worker alone': {
    own: true,
    run: async () => {
      Object.defineProperty(globalThis, Symbol.for('skep.module'), { value: () => ({}), configurable: false });
      await import('node:zlib');
    },
  },
  'an import with every built-in name of the engine brings none of its modules': async ({ attempt }) => {
    for (const name of [
      'ext:core/mod.js',
      'ext:core/ops',
      'ext:runtime/98_global_scope_shared.js',
      'ext:deno_node/_fs/_fs_readFile.ts',
      'deno:core',
      'node:ffi',
      'node:internal/process',
      'internal:x',
      'builtin:/x',
      'refused:/1',
      'skep:internal',
      'node:sea',
      'node:repl',
      'node:wasi',
      'node:cluster',
    ])
      await attempt(name, async () => {
        const module = await import(name);
        if (name === 'node:cluster') return typeof module.fork?.().process;
        if (name === 'node:repl') return typeof module.start().context;
        if (name === 'node:sea') return module.isSea();
        if (name === 'node:wasi')
          return typeof new module.WASI({ version: 'preview1', preopens: { '/': '/' } }).getImportObject();
        return Object.keys(module).join();
      });
  },
  'import.meta tells no path of the machine and resolves to none': async ({ attempts, attempt }) => {
    for (const key of ['url', 'filename', 'dirname', 'main'])
      if (/\/(home|work|tmp|root|usr|var)\//.test(String(import.meta[key])))
        attempts.got.push(`${key} ${import.meta[key]}`);
    await attempt(
      'resolve',
      () => /file:|\/(home|work|tmp)\//.test(import.meta.resolve('./x.js')) && import.meta.resolve('./x.js'),
    );
  },
  'WebAssembly compiles no bytes at run time and imports nothing of the host': async ({ attempt }) => {
    const bytes = new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]);
    await attempt('Module', () => new WebAssembly.Module(bytes));
    await attempt('compile', () => WebAssembly.compile(bytes));
    await attempt('instantiate', () => WebAssembly.instantiate(bytes));
    await attempt('compileStreaming', () =>
      WebAssembly.compileStreaming(new Response(bytes, { headers: { 'content-type': 'application/wasm' } })),
    );
    await attempt('validate then Module', () => WebAssembly.validate(bytes) && new WebAssembly.Module(bytes));
  },
  'memory is not shared, waited on, or measured finely': async ({ attempts, attempt }) => {
    await attempt('SharedArrayBuffer to a thread', () => new SharedArrayBuffer(8) && typeof Worker !== 'undefined');
    const first = performance.now();
    for (let turn = 0; turn < 200_000; turn++) Math.sqrt(turn);
    if (performance.now() !== first) attempts.got.push('a clock that runs while code runs');
    const { hrtime } = (await import('node:process')).default;
    const before = hrtime.bigint();
    for (let turn = 0; turn < 200_000; turn++) Math.sqrt(turn);
    if (hrtime.bigint() !== before) attempts.got.push('hrtime runs while code runs');
  },
  'structuredClone and messages carry no platform object into another shape': async ({
    attempt,
    env,
    ctx,
    request,
  }) => {
    for (const value of [env, ctx, request, globalThis, caches, crypto.subtle])
      await attempt('clone', () =>
        Object.getOwnPropertyNames(structuredClone(value)).find((name) => FORBIDDEN.test(name)),
      );
    const { port1, port2 } = new MessageChannel();
    await attempt('message', () => port1.postMessage(globalThis));
    port1.close();
    port2.close();
  },
  'a FinalizationRegistry and WeakRefs show nothing of other requests’ objects': async ({ attempts }) => {
    const seen = [];
    const registry = new FinalizationRegistry((held) => seen.push(held));
    registry.register({}, 'mine');
    await new Promise((resolve) => setTimeout(resolve, 20));
    for (const held of seen) if (held !== 'mine') attempts.got.push(held);
    if (typeof globalThis.gc === 'function') attempts.got.push('gc');
  },
};
