/** What `conformance/cases/htmlrewriter` cannot show of HTMLRewriter: what it costs, what it survives, and when it stops. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createTestSupervisor, type TestSupervisor } from '../support/supervisor.ts';

let cells: TestSupervisor;
before(async () => {
  cells = await createTestSupervisor({ prestarted: 2, cpuMs: 5_000 });
});
after(() => cells.close());

function deploy(name: string, handler: string, top = ''): void {
  cells.deploy({
    name,
    modules: { 'index.js': `${top}; export default { async fetch(request, env, ctx) { ${handler} } };` },
  });
}

test('nothing of it is loaded before a worker names it', async () => {
  deploy(
    'lazy',
    `const find = (name) => { let at = globalThis; while (!Object.hasOwn(at, name)) at = Object.getPrototypeOf(at); return Object.getOwnPropertyDescriptor(at, name); };
     const before = ['HTMLRewriter', 'caches', 'Cache'].map((name) => typeof find(name).get);
     new HTMLRewriter(); caches.default;
     return Response.json([before, typeof find('HTMLRewriter').value, typeof find('caches').value]);`,
  );
  assert.deepEqual(await cells.json('lazy'), [['function', 'function', 'function'], 'function', 'object']);
});

test('many documents with waiting handlers at once do not mix', async () => {
  deploy(
    'many',
    `const one = async (n) => {
       const text = await new HTMLRewriter()
         .on('p', { async element(e) { await new Promise((ok) => setTimeout(ok, (n * 7) % 11)); e.setAttribute('n', String(n)); }, async text(t) { await null; if (t.lastInTextNode) t.after('/' + n); } })
         .transform(new Response('<p>a</p><p>' + 'x'.repeat(n) + '</p>')).text();
       return text === '<p n="' + n + '">a/' + n + '</p><p n="' + n + '">' + 'x'.repeat(n) + '/' + n + '</p>';
     };
     const rounds = [];
     for (let round = 0; round < 3; round++) rounds.push(...await Promise.all(Array.from({ length: 30 }, (_, n) => one(n + 1))));
     return Response.json(rounds.filter(Boolean).length);`,
  );
  assert.equal(await cells.json('many'), 90);
});

test('a document in pieces of any size comes out the same', async () => {
  deploy(
    'pieces',
    `const html = '<!doctype html><div class="a é"><p>one €</p><!-- c --><script>if (a < b) "</p>"</script></div>';
     const bytes = new TextEncoder().encode(html);
     const run = async (size) => {
       let at = 0;
       const body = new ReadableStream({ pull(c) { if (at >= bytes.length) c.close(); else c.enqueue(bytes.slice(at, at += size)); } });
       let text = '';
       const out = await new HTMLRewriter().on('div', { element(e) { e.setAttribute('seen', e.getAttribute('class')); e.append('<end>', { html: true }); } })
         .on('p', { text(t) { text += t.text; } }).transform(new Response(body)).text();
       return out + '|' + text;
     };
     const whole = await run(bytes.length);
     const same = [];
     for (let size = 1; size < 20; size++) same.push((await run(size)) === whole);
     return Response.json([whole, same.every(Boolean)]);`,
  );
  assert.deepEqual(await cells.json('pieces'), [
    '<!doctype html><div class="a é" seen="a é"><p>one €</p><!-- c --><script>if (a < b) "</p>"</script><end></div>|one €',
    true,
  ]);
});

test('when nobody reads on, the source is cancelled and handlers stop', async () => {
  deploy(
    'cancel',
    `let cancelled, handled = 0, n = 0;
     const source = new ReadableStream({ pull(c) { c.enqueue(new TextEncoder().encode('<p>' + n++)); }, cancel(reason) { cancelled = reason; } }, { highWaterMark: 0 });
     const reader = new HTMLRewriter().on('p', { element() { handled++; } }).transform(new Response(source)).body.getReader();
     await reader.read();
     await reader.cancel('enough');
     await new Promise((ok) => setTimeout(ok, 5));
     const then = handled;
     await new Promise((ok) => setTimeout(ok, 20));
     return Response.json([cancelled, handled === then, handled < 10]);`,
  );
  assert.deepEqual(await cells.json('cancel'), ['enough', true, true]);
});

test('it works when the worker has patched what it could be built upon', async () => {
  deploy(
    'patched',
    `const cached = 'http://cached/' + Math.random();
     await caches.default.put(cached, new Response('from the cache'));
     const html = await new HTMLRewriter().on('p:not(.a, .b)', { async element(e) { await null; e.setAttribute('x', 'y').append(new Response('streamed')); } })
       .transform(new Response('<p>a</p><p class=b>')).text();
     const hit = await caches.default.match(cached);
     return new Response(html + '|' + await hit.text());`,
    `HTMLRewriter; caches; const broken = () => { throw new Error('patched'); };
     const { ownKeys, getOwnPropertyDescriptor, defineProperty } = Reflect;
     const types = [Array, Map, WeakMap, Set, String, Uint8Array, Object.getPrototypeOf(Uint8Array), TextDecoder, TextEncoder, ReadableStream, ReadableStreamDefaultReader, Headers, URL];
     const names = ['Map', 'TextDecoder', 'ReadableStream', 'Symbol', 'Error', 'TypeError', 'WeakMap', 'Int32Array', 'Uint32Array', 'URL', 'Boolean', 'String'];
     for (let t = 0; t < types.length; t++) {
       const keys = ownKeys(types[t].prototype);
       for (let k = 0; k < keys.length; k++) {
         const { value, configurable } = getOwnPropertyDescriptor(types[t].prototype, keys[k]);
         if (keys[k] !== 'constructor' && typeof value === 'function' && configurable) defineProperty(types[t].prototype, keys[k], { value: broken });
       }
     }
     for (let n = 0; n < names.length; n++) globalThis[names[n]] = broken;
     WebAssembly.Module = WebAssembly.Instance = broken;`,
  );
  const answer = await cells.fetch('patched');
  assert.equal(answer.body, '<p x="y">astreamed</p><p class=b>|from the cache', JSON.stringify(answer.failure));
});
