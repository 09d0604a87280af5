/** Every way we know to burn CPU in one request: handler bodies, for the tests of the limit and for `test/limits/measure-kills.ts`. */

/** `(module (func (export "loop") (loop (br 0))))` */
export const LOOP_MODULE = Buffer.from(
  '0061736d010000000104016000000302010007080104 6c6f6f7000000a0901070003400c000b0b'.replaceAll(' ', ''),
  'hex',
);

const PBKDF2_KEY = `const key = await crypto.subtle.importKey('raw', new Uint8Array(16), 'PBKDF2', false, ['deriveBits']);
  const derive = () => crypto.subtle.deriveBits({ name: 'PBKDF2', hash: 'SHA-256', salt: new Uint8Array(16), iterations: 100_000 }, key, 256);`;

export const BURNERS: Readonly<Record<string, string>> = {
  loop: 'while (true);',
  recursion: 'const dive = (n) => (n === 0 ? 0 : dive(n - 1)); for (;;) dive(5_000);',
  regex: '/^(a+)+$/.test("a".repeat(40) + "!");',
  sort: 'for (;;) Array.from({ length: 100_000 }, () => Math.random()).sort();',
  'hostile comparator': 'for (;;) Array.from({ length: 5_000 }, (_v, n) => n).sort(() => Math.random() - 0.5);',
  json: 'const text = JSON.stringify(Array.from({ length: 200_000 }, (_v, n) => n)); for (;;) JSON.parse(text);',
  'deep json': 'const text = "[".repeat(4_000) + "]".repeat(4_000); for (;;) JSON.parse(text);',
  bigint: 'let n = 3n; for (;;) n *= n;',
  wasm: '(await WebAssembly.instantiate(loopModule)).exports.loop();',
  microtasks: 'const spin = () => Promise.resolve().then(spin); await spin();',
  awaits: 'for (;;) await null;',
  'promise floods': 'for (;;) await Promise.all(Array.from({ length: 1_000 }, async () => null));',
  timers: 'for (;;) { await new Promise((resolve) => setTimeout(resolve, 0)); for (let n = 0; n < 1e6; n++); }',
  'nested timers':
    'const work = () => { for (let n = 0; n < 1e5; n++); setTimeout(work, 0); setTimeout(() => undefined, 0); }; work(); await new Promise(() => undefined);',
  intervals:
    'for (let n = 0; n < 100; n++) setInterval(() => { for (let m = 0; m < 1e5; m++); }, 1); await new Promise(() => undefined);',
  hashing: 'for (;;) await crypto.subtle.digest("SHA-256", new Uint8Array(1_000_000));',
  pbkdf2: `${PBKDF2_KEY} for (;;) await derive();`,
  'pbkdf2 by many': `${PBKDF2_KEY} for (;;) await Promise.all(Array.from({ length: 16 }, derive));`,
  'rsa keys':
    'for (;;) await crypto.subtle.generateKey({ name: "RSASSA-PKCS1-v1_5", hash: "SHA-256", modulusLength: 4096, publicExponent: new Uint8Array([1, 0, 1]) }, true, ["sign", "verify"]);',
  generators: 'function* endless() { for (;;) yield* [1, 2, 3]; } for (const _n of endless());',
  'async generators': 'async function* endless() { for (;;) yield 1; } for await (const _n of endless());',
  structuredClone:
    'const value = Array.from({ length: 10_000 }, (_v, n) => ({ n, text: "x" + n })); for (;;) structuredClone(value);',
  'string building': 'for (;;) { let text = ""; for (let n = 0; n < 100_000; n++) text += n; text.indexOf("y"); }',
  'string replacing': 'const text = "ab".repeat(100_000); for (;;) text.replaceAll("a", (c) => c + c);',
  TextDecoder: 'const bytes = new Uint8Array(5_000_000).fill(0xe2); for (;;) new TextDecoder().decode(bytes);',
  'windows-1252':
    'const bytes = new Uint8Array(5_000_000).fill(0x80); for (;;) new TextDecoder("windows-1252").decode(bytes);',
  URLs: 'for (;;) new URL("http://example.com/" + "../a/".repeat(5_000));',
  URLPattern: 'for (;;) new URLPattern({ pathname: "/:a*/:b*/:c*/end" }).test("http://x" + "/b".repeat(50));',
  headers:
    'for (;;) { const headers = new Headers(); for (let n = 0; n < 5_000; n++) headers.append("x-" + n, "v"); [...headers]; }',
  compression:
    'for (;;) await new Response(new Response("x".repeat(1_000_000)).body.pipeThrough(new CompressionStream("gzip"))).arrayBuffer();',
  streams:
    'for (;;) { const reader = new ReadableStream({ pull(controller) { controller.enqueue(1); } }).getReader(); for (let n = 0; n < 10_000; n++) await reader.read(); }',
  proxies:
    'const trap = new Proxy({}, { get: (target, key, self) => Reflect.get({}, key, self) }); for (;;) trap.anything;',
  dates: 'for (;;) new Date(2026, 1, 1).toLocaleString("de-DE");',
  Intl: 'for (;;) new Intl.NumberFormat("ar-EG").format(123456.789);',
  events:
    'const target = new EventTarget(); target.addEventListener("x", () => target.dispatchEvent(new Event("y"))); for (;;) target.dispatchEvent(new Event("x"));',
  'a getter in the response': 'return new Response("x", { get status() { for (;;); } });',
  'a thenable': 'await { then() { for (;;); } };',
  'console.log':
    'const deep = Array.from({ length: 1_000 }, (_v, n) => ({ n, deep: { n } })); for (;;) console.log(deep);',
};
