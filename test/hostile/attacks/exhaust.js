// Use up what there is: CPU, memory, calls, connections, log, time, descriptors, the cell's queue. Each ends in its own worker's account.

const burn = (turn) => {
  for (;;) turn();
};

/** CPU: ended with 1102. */
const BURNERS = {
  'an endless loop': () => burn(() => {}),
  'a loop inside a promise chain': async () => {
    for (;;) await null;
  },
  'queueMicrotask that feeds itself': () =>
    new Promise(() => {
      const again = () => queueMicrotask(again);
      again();
    }),
  'process.nextTick that feeds itself': async () => {
    const { nextTick } = (await import('node:process')).default;
    await new Promise(() => {
      const again = () => nextTick(again);
      again();
    });
  },
  'timers of zero milliseconds without end': () =>
    new Promise(() => {
      const again = () => {
        for (let turn = 0; turn < 1_000; turn++) Math.sqrt(turn);
        setTimeout(again, 0);
        setTimeout(again, 0);
      };
      again();
    }),
  'a regular expression that backtracks': () => /^(a|a?)+$/.test(`${'a'.repeat(60)}!`),
  'a comparator that never settles': () =>
    burn(() => Array.from({ length: 1e5 }, Math.random).sort(() => Math.random() - 0.5)),
  'deep JSON, over and over': () => burn(() => JSON.parse(`${'['.repeat(1e4)}${']'.repeat(1e4)}`)),
  'BigInts that grow': () => {
    let value = 3n;
    burn(() => (value = (value * value) % (1n << 200_000n)));
  },
  'a getter that calls itself through a proxy': () => {
    const proxy = new Proxy(
      {},
      {
        get: (_target, key, receiver) => {
          try {
            return receiver[key];
          } catch {
            return undefined;
          }
        },
      },
    );
    burn(() => proxy.x);
  },
  'generators that delegate to one another': () => {
    function* storm() {
      for (;;) yield* [1, 2, 3];
    }
    for (const _value of storm());
  },
  'a sink that swallows every exception': () => {
    for (;;) {
      try {
        (function dive() {
          dive();
        })();
      } catch {
        // On.
      }
    }
  },
  'a finally that never lets go': () => {
    // oxlint-disable-next-line no-unsafe-finally
    for (;;)
      try {
        throw new Error('x');
      } finally {
        continue;
      }
  },
  'crypto on other threads': async () => {
    const key = await crypto.subtle.importKey('raw', new Uint8Array(16), 'PBKDF2', false, ['deriveBits']);
    for (;;)
      await Promise.all(
        Array.from({ length: 8 }, () =>
          crypto.subtle.deriveBits(
            { name: 'PBKDF2', hash: 'SHA-512', salt: new Uint8Array(8), iterations: 100_000 },
            key,
            256,
          ),
        ),
      );
  },
  'text that is decoded and encoded for ever': () => {
    const bytes = new Uint8Array(1e6).fill(65);
    burn(() => new TextEncoder().encode(new TextDecoder().decode(bytes)));
  },
  'a search parameter list of a million entries': () => burn(() => new URLSearchParams('a=b&'.repeat(1e5)).sort()),
  'an HTMLRewriter over endless nesting': async () => {
    for (;;)
      await new HTMLRewriter()
        .on('div div div', { element: (element) => element.setAttribute('a', 'b') })
        .transform(new Response('<div>'.repeat(20_000)))
        .text();
  },
  'URLPattern with a hostile pattern': () =>
    burn(() => new URLPattern({ pathname: '/:a*/:b*/:c*' }).test(`http://x/${'a/'.repeat(500)}`)),
};

/** Memory: ended with 1102. */
const HOARDERS = {
  objects: () => {
    const kept = [];
    for (;;) kept.push(Array.from({ length: 1e4 }, () => ({})));
  },
  ArrayBuffers: async () => {
    const kept = [];
    for (;;) {
      kept.push(new Uint8Array(4_000_000).fill(1));
      await null;
    }
  },
  'WebAssembly memory': async () => {
    const memory = new WebAssembly.Memory({ initial: 1 });
    for (;;) {
      memory.grow(64);
      new Uint8Array(memory.buffer).fill(1);
      await null;
    }
  },
  strings: () => {
    const kept = [];
    for (let turn = 0; ; turn++) kept.push(String(turn).repeat(1e5).split('').join(''));
  },
  blobs: async () => {
    const kept = [];
    for (;;) {
      kept.push(new Blob([new Uint8Array(1e6).fill(7)]));
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
  },
  'a stream that nobody reads': async () => {
    const { writable } = new TransformStream(undefined, { highWaterMark: 1e9 });
    const writer = writable.getWriter();
    for (;;) {
      void writer.write(new Uint8Array(1e6).fill(1)).catch(() => {});
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
  },
  'a tee with one side unread': async () => {
    const source = new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(1e6).fill(1)) });
    const [left] = source.tee();
    const reader = left.getReader();
    for (;;) await reader.read();
  },
  'maps with ever new keys': () => {
    const kept = new Map();
    for (let turn = 0; ; turn++) kept.set(`key ${turn}`, { turn });
  },
  'closures in timers': async () => {
    for (;;) {
      for (let turn = 0; turn < 1_000; turn++) {
        const held = new Array(1_000).fill(turn);
        setTimeout(() => held, 1e8);
      }
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
  },
  'typed arrays resized to the limit': () => {
    const kept = [];
    for (;;) {
      const buffer = new ArrayBuffer(1, { maxByteLength: 1e8 });
      buffer.resize(1e8);
      new Uint8Array(buffer).fill(1);
      kept.push(buffer);
    }
  },
  'console.log of what is large': () => {
    const kept = [];
    for (;;) {
      kept.push('x'.repeat(1e6).split(''));
      console.log(kept);
    }
  },
};

export const attacks = {};

for (const [what, run] of Object.entries(BURNERS))
  attacks[`CPU: ${what} ends with its own request`] = { end: 'limit', run };
for (const [what, run] of Object.entries(HOARDERS))
  attacks[`memory: ${what} end with their own request`] = { end: 'limit', run };

Object.assign(attacks, {
  'a billion elements asked for at once are an exception or an end of the cell': {
    end: 'limit',
    run: () => new Array(1e9).fill(0).length,
  },
  'the longest string there can be is an exception or an end of the cell': {
    end: 'limit',
    run: () => 'x'.repeat(2 ** 29 - 25).split('').length,
  },
  'the fifty-first call to the internet is refused, however it is made': async ({ aim, attempts }) => {
    let reached = 0;
    const once = () =>
      fetch(`http://127.0.0.1:${aim.allowedPort}/`).then(
        async (response) => {
          await response.text();
          reached++;
        },
        () => {},
      );
    for (let turn = 0; turn < 12; turn++) await Promise.all(Array.from({ length: 10 }, once));
    if (reached > 50) attempts.got.push(`${reached} calls`);
  },
  'calls that are never read do not add up beyond their limit': async ({ aim, attempts }) => {
    let opened = 0;
    await Promise.all(
      Array.from({ length: 100 }, () =>
        fetch(`http://127.0.0.1:${aim.allowedPort}/`, { signal: AbortSignal.timeout(1_000) }).then(
          () => opened++,
          () => {},
        ),
      ),
    );
    if (opened > 50) attempts.got.push(`${opened} calls`);
  },
  'sockets count as calls to the internet': async ({ aim, attempts }) => {
    const { connect } = await import('cloudflare:sockets');
    let opened = 0;
    for (let turn = 0; turn < 80; turn++) {
      const socket = connect(`127.0.0.1:${aim.allowedPort}`);
      await socket.opened.then(
        () => opened++,
        () => {},
      );
      await socket.close().catch(() => {});
    }
    if (opened > 50) attempts.got.push(`${opened} sockets`);
  },
  'a hundred thousand calls at once end in errors, not in the server': {
    end: 'limit',
    run: async ({ aim }) => {
      const calls = [];
      for (let turn = 0; turn < 100_000; turn++) calls.push(fetch(`http://127.0.0.1:${aim.port}/`).catch(() => {}));
      await Promise.all(calls);
    },
  },
  'a flood of the log is cut, and the request answered or ended': {
    own: true,
    run: () => {
      for (let turn = 0; turn < 50_000; turn++) console.log('flood '.repeat(200));
    },
  },
  'one log line of 64 MB is cut': { own: true, run: () => console.log('x'.repeat(64_000_000)) },
  'a hundred thousand puts into the cache stop at the limit of calls': {
    end: 'limit',
    run: async () => {
      const puts = [];
      for (let turn = 0; turn < 20_000; turn++)
        puts.push(
          caches.default
            .put(`http://x/${turn}`, new Response('x'.repeat(1_000), { headers: { 'cache-control': 'max-age=60' } }))
            .catch(() => {}),
        );
      await Promise.all(puts);
    },
  },
  'a cached body without end stops at the limit of one object': {
    end: ['nothing', 'limit'],
    because: 'it depends on the machine whether the CPU budget or the limit of one object comes first',
    run: async () => {
      const body = new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(65_536)) });
      await caches.default
        .put('http://x/endless', new Response(body, { headers: { 'cache-control': 'max-age=60' } }))
        .catch(() => {});
    },
  },
  'ten thousand timers are forgotten with their request': () => {
    for (let turn = 0; turn < 10_000; turn++) setTimeout(() => {}, 1e9);
  },
  'waitUntil that burns after the answer ends its own cell': {
    own: true,
    run: ({ ctx }) => {
      ctx.waitUntil(new Promise((resolve) => setTimeout(resolve, 5)).then(() => burn(() => {})));
    },
  },
  'a promise nobody can settle is told as a hang': { end: 'exception', run: () => new Promise(() => {}) },
  'an exception in a timer is not the server’s': {
    own: true,
    run: async () => {
      setTimeout(() => {
        throw new Error('late');
      }, 0);
      await new Promise((resolve) => setTimeout(resolve, 5));
    },
  },
  'ten thousand rejections nobody handles are not the server’s': {
    end: ['nothing', 'limit'],
    because: 'it depends on the machine whether telling ten thousand exceptions fits into the CPU budget',
    run: async () => {
      for (let turn = 0; turn < 10_000; turn++) void Promise.reject(new Error('x'));
      await new Promise((resolve) => setTimeout(resolve, 5));
    },
  },
  'an answer with two thousand headers of 100 bytes is an exception': {
    end: 'exception',
    run: () => {
      const headers = new Headers();
      for (let turn = 0; turn < 2_000; turn++) headers.append(`x-${turn}`, 'y'.repeat(100));
      return new Response('x', { headers });
    },
  },
  'an answer with one header of 1 MB is an exception': {
    end: 'exception',
    run: () => new Response('x', { headers: { big: 'x'.repeat(1_000_000) } }),
  },
  'a thousand sets of keys are made in turn, never more than its CPU': {
    end: 'limit',
    run: async () => {
      for (let turn = 0; turn < 1_000; turn++)
        await crypto.subtle.generateKey(
          {
            name: 'RSASSA-PKCS1-v1_5',
            modulusLength: 4096,
            publicExponent: new Uint8Array([1, 0, 1]),
            hash: 'SHA-256',
          },
          true,
          ['sign', 'verify'],
        );
    },
  },
  'Atomics.wait does not stop a cell for ever': {
    end: 'exception',
    run: () => {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 3_000);
    },
  },
});
