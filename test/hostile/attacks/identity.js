// Pretend to be somebody else: to the server, to other workers, to the cache, to visitors.

/** Headers with which a cell might speak in the platform's name. */
const FORGED = {
  'x-skep-invocation': '1',
  'x-skep-outcome': 'x;threw',
  'x-skep-status-text': 'forged',
  'x-skep-date': 'forged',
  'x-skep-version': 'forged',
  'cf-connecting-ip': '8.8.8.8',
  'cf-ray': 'forged',
  'cf-worker': 'neighbour',
  'cf-ew-via': 'neighbour',
  'true-client-ip': '8.8.8.8',
  'x-real-ip': '8.8.8.8',
};

const read = async (response) => `${response.status} ${(await response.text()).slice(0, 200)}`;

export const attacks = {
  'a binding that the version does not have is not made by naming it': async ({ env, attempt }) => {
    for (const name of ['SECRET', 'NEIGHBOUR', '__proto__', 'constructor', 'ASSETS', 'KV'])
      await attempt(name, () => env[name]?.fetch?.('http://x/').then(read));
  },
  'a service binding’s stub cannot be pointed at another worker': {
    bindings: [{ type: 'service', name: 'NEXT', service: 'neighbour' }],
    run: async ({ env, attempt, attempts }) => {
      const { NEXT } = env;
      for (const key of ['binding', 'name', 'service', 'entrypoint', 'id', 'props'])
        await attempt(`set ${key}`, () => {
          NEXT[key] = 'attack-1';
          return undefined;
        });
      // What it reaches stays the neighbour, which answers `fine` to all.
      const answer = await (
        await NEXT.fetch('http://attack-1.dev.localhost/', { headers: { host: 'attack-1' } })
      ).text();
      if (answer !== 'fine') attempts.got.push(answer);
    },
  },
  'properties of a service’s stub bring no env, secret or context of the other worker': {
    bindings: [{ type: 'service', name: 'NEXT', service: 'neighbour' }],
    run: async ({ env, attempt }) => {
      for (const name of [
        'env',
        'ctx',
        'SECRET',
        'constructor',
        '__proto__',
        'prototype',
        'then',
        'toString',
        'hasOwnProperty',
        '__defineGetter__',
      ])
        await attempt(name, async () => {
          const value = await env.NEXT[name]?.SECRET;
          return typeof value === 'string' && value;
        });
      await attempt('call', () => env.NEXT.constructor('return 1')());
      await attempt('entrypoint', () => env.NEXT.default.fetch('http://x/'));
    },
  },
  'headers in the platform’s name do not leave towards the internet': async ({ aim, attempts }) => {
    const response = await fetch(`http://127.0.0.1:${aim.allowedPort}/headers`, { headers: FORGED });
    const seen = JSON.parse(await response.text());
    for (const name of Object.keys(FORGED)) if (name.startsWith('x-skep-') && name in seen) attempts.got.push(name);
  },
  'headers in the platform’s name do not pass to another worker': {
    bindings: [{ type: 'service', name: 'SELF', service: 'neighbour' }],
    run: async ({ env, attempts, ctx }) => {
      const response = await env.SELF.fetch('http://x/', { headers: FORGED });
      if ((await response.text()) !== 'fine') attempts.got.push('the neighbour was confused');
      const echo = await ctx.exports?.Echo?.fetch('http://x/', { headers: FORGED });
      const seen = echo === undefined ? {} : JSON.parse(await echo.text());
      for (const name of Object.keys(seen)) if (name.startsWith('x-skep-')) attempts.got.push(name);
    },
  },
  'headers in the platform’s name do not reach a visitor, nor change how the request ends': {
    run: () => new Response(JSON.stringify({ got: [] }), { headers: FORGED }),
    mustNotSay: /x-skep-|forged;|"threw"/,
  },
  'an answer that claims to have thrown is still an answer': {
    run: () =>
      new Response(JSON.stringify({ got: [] }), {
        headers: { 'x-skep-outcome': '0;1101', 'X-SKEP-OUTCOME': 'a;b;c' },
      }),
  },
  'what another worker has cached is not seen, whatever the name of the cache': async ({ attempt }) => {
    for (const name of ['default', '../neighbour', 'neighbour', '', '\0', 'a/../b', '__proto__'])
      await attempt(name, async () => {
        const cache = await caches.open(name);
        return (await cache.match('http://neighbour.dev.localhost/'))?.status;
      });
  },
  'the cache is not poisoned for another worker’s address': async ({ attempt, aim }) => {
    await attempt('put', async () => {
      await caches.default.put(
        `http://neighbour.dev.localhost:${aim.gatewayPort}/`,
        new Response('poisoned', { headers: { 'cache-control': 'max-age=60' } }),
      );
      // The neighbour is asked all the time; it must go on saying what it says.
    });
  },
  'a response of the cache cannot carry headers of the platform out': async ({ attempts }) => {
    await caches.default
      .put(
        'http://x/identity',
        new Response('x', { headers: { 'cache-control': 'max-age=60', ...FORGED, 'set-cookie': 'a=b' } }),
      )
      .catch(() => {});
    const found = await caches.default.match('http://x/identity');
    for (const [name] of found?.headers ?? []) if (name.startsWith('x-skep-')) attempts.got.push(name);
  },
  'a loop of the worker through its own binding ends at the depth of a pipeline': {
    bindings: [{ type: 'plain_text', name: 'LOOP', text: 'yes' }],
    run: async ({ ctx, attempts }) => {
      const answer = await ctx.exports.Echo.loop(0).catch((error) => error.message);
      if (typeof answer === 'number' && answer > 40) attempts.got.push(`depth ${answer}`);
    },
  },
  'calls from a request that is over are nobody’s': async ({ attempts, aim, ctx }) => {
    globalThis.lateFetch ??= () => fetch(`http://127.0.0.1:${aim.allowedPort}/`);
    // A promise that outlives its request; the next request of the same cell must not be charged or answered with it.
    ctx.waitUntil(
      new Promise((resolve) => setTimeout(resolve, 5))
        .then(() => globalThis.lateFetch())
        .then((response) => response.text()),
    );
    if (globalThis.lateBody !== undefined) {
      const text = await globalThis.lateBody.text().catch(() => undefined);
      if (text !== undefined) attempts.got.push(text);
    }
  },
  'context kept from one request gives the next one nothing': async ({ attempts, request, ctx, aim }) => {
    globalThis.kept ??= { request, ctx, response: await fetch(`http://127.0.0.1:${aim.allowedPort}/`) };
    const { kept } = globalThis;
    if (kept.ctx !== ctx) {
      const text = await kept.response.text().catch(() => undefined);
      if (text !== undefined) attempts.got.push('the body of another request');
    }
  },
};
