// What a larger platform opens: RPC and its stubs, options with getters, streams and sockets in odd states, rewriters, Node's modules.

const trapped = (take) =>
  new Proxy(
    {},
    {
      get(_target, key) {
        take(key);
        return undefined;
      },
    },
  );

export const attacks = {
  'getters on the options of fetch() run as the worker’s own and change no address': async ({ aim, attempt }) => {
    let turn = 0;
    await attempt('changing url', () =>
      fetch({ toString: () => `http://127.0.0.1:${turn++ === 0 ? aim.allowedPort : aim.port}/` }).then(
        (response) => turn > 1 && response.status,
      ),
    );
    await attempt('getter of redirect', () =>
      fetch(`http://127.0.0.1:${aim.allowedPort}/302?to=http://127.0.0.1:PORT/`, {
        get redirect() {
          return 'follow';
        },
      }).then((response) => response.status),
    );
    await attempt('client', () =>
      fetch(`http://127.0.0.1:${aim.port}/`, {
        get client() {
          return {};
        },
      }).then((response) => response.status),
    );
  },
  'a Request whose url changes behind its back goes where it was judged': async ({ aim, attempt }) => {
    const request = new Request(`http://127.0.0.1:${aim.allowedPort}/`);
    Object.defineProperty(request, 'url', { get: () => `http://127.0.0.1:${aim.port}/` });
    await attempt('url', async () => {
      const text = await fetch(request).then((response) => response.text());
      return text !== 'reached' && text;
    });
  },
  'connect() reads its address once': async ({ aim, attempt }) => {
    const { connect } = await import('cloudflare:sockets');
    let turn = 0;
    await attempt('port', async () => {
      const socket = connect({
        hostname: '127.0.0.1',
        get port() {
          return turn++ === 0 ? aim.allowedPort : aim.port;
        },
      });
      await socket.opened;
      return turn > 1 && 'read twice';
    });
  },
  'options that are proxies are asked for nothing of the harness': async ({ attempts, attempt, aim }) => {
    const asked = [];
    const options = trapped((key) => asked.push(String(key)));
    await attempt('fetch', () => fetch(`http://127.0.0.1:${aim.port}/`, options).then((response) => response.status));
    await attempt('Response', () => void new Response('x', options));
    await attempt('WebSocket', () => void new WebSocketPair());
    await attempt('digest', () => crypto.subtle.digest(options, new Uint8Array(1)));
    for (const key of asked) if (/skep|nonce|broker|invocation/.test(key)) attempts.got.push(key);
  },
  'RPC reaches no private, inherited or own property of an entrypoint': async ({ ctx, attempt }) => {
    const { Echo } = ctx.exports;
    for (const name of [
      'constructor',
      'env',
      'ctx',
      '__proto__',
      'hasOwnProperty',
      '__defineGetter__',
      'fetchInternal',
      'dup',
      'prototype',
      'caller',
      'arguments',
    ])
      await attempt(name, async () => {
        const value = await Echo[name]('x');
        return typeof value === 'string' && value;
      });
    await attempt('symbol', () => Echo[Symbol.for('skep.module')]?.());
  },
  'values of RPC with __proto__ poison nobody': async ({ ctx, attempts }) => {
    const value = JSON.parse('{"__proto__":{"owned":1},"constructor":{"prototype":{"owned":1}},"a":1}');
    const back = await ctx.exports.Echo.echo(value);
    if ({}.owned !== undefined || back.owned !== undefined || Object.getPrototypeOf(back) !== Object.prototype)
      attempts.got.push('poisoned');
  },
  'getters of RPC arguments run once, on the caller’s side': async ({ ctx, attempts }) => {
    let runs = 0;
    const back = await ctx.exports.Echo.echo({
      get a() {
        return ++runs;
      },
    });
    if (runs !== 1 || back.a !== 1) attempts.got.push(`${runs} runs, ${back.a}`);
  },
  'a deeply nested argument of RPC is refused or told, not a crash': {
    own: true,
    run: async ({ ctx }) => {
      let value = [];
      for (let turn = 0; turn < 200_000; turn++) value = [value];
      await ctx.exports.Echo.echo(value).catch(() => {});
    },
  },
  'arguments of RPC with cycles, holes and sharing come back as they were': async ({ ctx, attempts }) => {
    const cycle = { list: [, 1, , 2] };
    cycle.self = cycle;
    const back = await ctx.exports.Echo.echo(cycle);
    if (back.self !== back || back.list.length !== 4 || 0 in back.list) attempts.got.push('another value');
  },
  'more than 32 MiB in one call are refused': async ({ ctx, attempts }) => {
    const answer = await ctx.exports.Echo.echo(new Uint8Array(34 * 1024 * 1024)).then(
      () => 'taken',
      () => 'refused',
    );
    if (answer !== 'refused') attempts.got.push(answer);
  },
  'ten thousand callbacks in one call are the two workers’ own load': {
    own: true,
    run: async ({ ctx }) => {
      await ctx.exports.Echo.echo(Array.from({ length: 10_001 }, () => () => {})).catch(() => {});
    },
  },
  'callbacks that call one another through RPC end at a limit': {
    end: 'limit',
    run: async ({ ctx }) => {
      const again = (depth) => ctx.exports.Echo.call(again, depth + 1);
      await ctx.exports.Echo.call(again, 0);
    },
  },
  'a stub’s methods after its disposal do nothing': async ({ ctx, attempt }) => {
    const stub = await ctx.exports.Echo.echo(() => 'called').catch(() => undefined);
    stub?.[Symbol.dispose]?.();
    await attempt('call', () => stub?.());
  },
  'what cannot be sent by RPC is refused by name': async ({ ctx, attempt }) => {
    for (const value of [
      Symbol('x'),
      new WeakMap(),
      new Proxy({}, {}),
      globalThis,
      Promise,
      new WebAssembly.Memory({ initial: 1 }),
    ])
      await attempt('send', async () => {
        const text = await ctx.exports.Echo.describe(value);
        return /global|Module/i.test(text) && text;
      });
  },
  'a thenable as argument or result does not run with the harness’s rights': async ({ ctx, attempts }) => {
    const seen = [];
    await Promise.race([
      ctx.exports.Echo.echo({
        then(resolve, reject) {
          seen.push(resolve, reject);
        },
      }).catch(() => {}),
      new Promise((resolve) => setTimeout(resolve, 50)),
    ]);
    for (const value of seen)
      if (Reflect.ownKeys(value).some((key) => /skep|Deno/.test(String(key)))) attempts.got.push('handle');
  },
  'a locked, disturbed or failing body as answer is the worker’s exception or a cut': {
    // As in workerd, where its head is on its way by then.
    end: 'cut',
    run: () => {
      const response = new Response(
        new ReadableStream({
          pull() {
            throw new Error('x');
          },
        }),
      );
      response.body.getReader();
      return response;
    },
  },
  'a stream whose chunks are no bytes is the worker’s exception or a cut': {
    end: 'cut',
    run: () =>
      new Response(
        new ReadableStream({
          start(controller) {
            for (const chunk of [{}, 1n, Symbol('x'), 'text', null]) controller.enqueue(chunk);
            controller.close();
          },
        }),
      ),
  },
  'a chunk that is transferred away while it is written is no memory of others': {
    // Empty, as in workerd.
    end: 'answer',
    mustNotSay: /^[^\n]/,
    run: async ({ attempts }) => {
      const transferredAway = () =>
        new ReadableStream({
          pull(controller) {
            const chunk = new Uint8Array(65_536);
            controller.enqueue(chunk);
            structuredClone(chunk.buffer, { transfer: [chunk.buffer] });
            controller.close();
          },
        });
      if ((await new Response(transferredAway()).bytes()).length > 0) attempts.got.push('bytes of others');
      return attempts.got.length > 0 ? undefined : new Response(transferredAway());
    },
  },
  'a resizable buffer that shrinks while it is read gives nothing of others': async ({ attempts }) => {
    const buffer = new ArrayBuffer(1_000, { maxByteLength: 1_000 });
    const view = new Uint8Array(buffer);
    const text = new Response(view).text();
    buffer.resize(0);
    const digest = crypto.subtle.digest('SHA-256', view);
    if (/[^\0]/.test(await text.catch(() => ''))) attempts.got.push('bytes of others');
    await digest.catch(() => {});
  },
  'buffers come zeroed, whoever had them before': async ({ attempts }) => {
    for (let turn = 0; turn < 50; turn++) {
      const bytes = [new Uint8Array(4_096), Buffer.alloc(4_096), new Uint8Array(new ArrayBuffer(4_096))];
      for (const list of bytes) if (list.some((byte) => byte !== 0)) attempts.got.push('a dirty buffer');
    }
  },
  'Buffer.allocUnsafe shows nothing of requests before': async ({ attempts }) => {
    globalThis.marker ??= new Request('http://x/', { method: 'POST', body: 'SECRET-OF-A-REQUEST'.repeat(1_000) });
    for (let turn = 0; turn < 200; turn++)
      if (/x-skep|authorization/i.test(Buffer.allocUnsafe(8_000).toString('latin1')))
        attempts.got.push('foreign bytes');
  },
  'handlers of an HTMLRewriter that keep their elements get nothing later': async ({ attempt }) => {
    let kept;
    await new HTMLRewriter()
      .on('a', {
        element: (element) => {
          kept = element;
        },
      })
      .transform(new Response('<a href=x>y</a>'))
      .text();
    await attempt('kept', () => kept.getAttribute('href'));
    await attempt('kept set', () => kept.setAttribute('href', 'z') && 'set');
  },
  'handlers of an HTMLRewriter that throw, or transform within, stay in their worker': {
    end: 'exception',
    run: async () => {
      await new HTMLRewriter()
        .on('*', {
          element: async () => {
            await new HTMLRewriter()
              .on('*', {
                element: () => {
                  throw new Error('x');
                },
              })
              .transform(new Response('<b>'))
              .text();
          },
        })
        .transform(new Response('<a>'.repeat(100)))
        .text();
    },
  },
  'hostile selectors are refused': async ({ attempt }) => {
    for (const selector of [
      '',
      '>',
      'a:has(b)',
      '*'.repeat(10_000),
      ':not('.repeat(1_000),
      'a[b="\n',
      '\0',
      '::before',
    ])
      await attempt(
        selector.slice(0, 10),
        () => void new HTMLRewriter().on(selector, {}).transform(new Response('<a>')),
      );
  },
  'keys that are not extractable are not extracted, by any format or wrapping': async ({ attempt }) => {
    const key = await crypto.subtle.generateKey({ name: 'AES-GCM', length: 256 }, false, ['encrypt', 'wrapKey']);
    for (const format of ['raw', 'jwk', 'pkcs8', 'spki'])
      await attempt(format, () => crypto.subtle.exportKey(format, key).then(() => 'exported'));
    await attempt('wrap', () =>
      crypto.subtle.wrapKey('raw', key, key, { name: 'AES-GCM', iv: new Uint8Array(12) }).then(() => 'wrapped'),
    );
    await attempt('set', async () => {
      Object.defineProperty(key, 'extractable', { value: true });
      return crypto.subtle.exportKey('raw', key).then(() => 'exported');
    });
    await attempt('node', async () => (await import('node:crypto')).KeyObject.from(key).export().length);
    await attempt('through node and back', async () => {
      const { KeyObject } = await import('node:crypto');
      const open = KeyObject.from(key).toCryptoKey({ name: 'AES-GCM' }, true, ['encrypt']);
      return crypto.subtle.exportKey('raw', await open).then(() => 'exported');
    });
    await attempt('a private one through node', async () => {
      const { KeyObject } = await import('node:crypto');
      const pair = await crypto.subtle.generateKey({ name: 'Ed25519' }, false, ['sign', 'verify']);
      return KeyObject.from(pair.privateKey).export({ format: 'jwk' });
    });
    await attempt('clone', async () => crypto.subtle.exportKey('raw', structuredClone(key)).then(() => 'exported'));
  },
  'a WebSocketPair sent to itself, accepted twice or closed in its handler stays in its worker': {
    end: 'exception',
    run: () => {
      const { 0: client, 1: server } = new WebSocketPair();
      server.accept();
      client.accept();
      server.addEventListener('message', () => {
        server.close(4_000, 'x'.repeat(123));
        client.send('again');
      });
      client.addEventListener('message', () => server.send('again'));
      client.send('begin');
      server.send('begin');
      return new Response(null, { status: 101, webSocket: client });
    },
  },
  'AsyncLocalStorage brings nothing from the platform or other requests': async ({ attempts }) => {
    const { AsyncLocalStorage } = await import('node:async_hooks');
    globalThis.storage ??= new AsyncLocalStorage();
    if (globalThis.storage.getStore() !== undefined) attempts.got.push('a store of another request');
    // Kept for the next request of this cell; on Workers there is no enterWith().
    await globalThis.storage.run({ owned: true }, () => Promise.resolve());
  },
};
