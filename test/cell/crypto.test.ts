/** Web Crypto and node:crypto inside a real cell: what the conformance cases, which compare with workerd, cannot show. */
import assert from 'node:assert/strict';
import { createPublicKey, verify } from 'node:crypto';
import { after, before, test } from 'node:test';
import { createTestSupervisor, type TestSupervisor } from '../support/supervisor.ts';

let cells: TestSupervisor;

before(async () => {
  cells = await createTestSupervisor({ prestarted: 2 });
});
after(async () => {
  await cells.close();
});

/** Runs an async function body in a fresh worker; its result travels as JSON. */
// oxlint-disable-next-line typescript/no-explicit-any -- results of every shape
async function inside(name: string, body: string, head = ''): Promise<any> {
  cells.deploy({
    name,
    modules: {
      'index.js': `${head}\nexport default { async fetch() { return Response.json(await (async () => { ${body} })() ?? null); } };`,
    },
  });
  return await cells.json(name);
}

test('two cells never draw the same random values', async () => {
  const draw = 'return [Math.random(), crypto.randomUUID(), [...crypto.getRandomValues(new Uint8Array(8))].join()]';
  const first = await inside('random-one', draw);
  const second = await inside('random-two', draw);
  for (let index = 0; index < 3; index++) assert.notEqual(first[index], second[index]);
});

test('a signature of a key generated in a cell is valid for another implementation', async () => {
  const { spki, signature } = await inside(
    'rsa-generate',
    `const pair = await crypto.subtle.generateKey(
       { name: 'RSASSA-PKCS1-v1_5', modulusLength: 1024, publicExponent: new Uint8Array([1, 0, 1]), hash: 'SHA-256' }, true, ['sign', 'verify']);
     const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer)));
     return {
       spki: text(await crypto.subtle.exportKey('spki', pair.publicKey)),
       signature: text(await crypto.subtle.sign('RSASSA-PKCS1-v1_5', pair.privateKey, new TextEncoder().encode('signed'))),
     };`,
  );
  const key = createPublicKey({ key: Buffer.from(spki, 'base64'), format: 'der', type: 'spki' });
  assert.equal(key.asymmetricKeyDetails?.modulusLength, 1024);
  assert.equal(verify('sha256', Buffer.from('signed'), key, Buffer.from(signature, 'base64')), true);
});

test('what a worker does to prototypes does not get at the material of a key that may not be exported', async () => {
  const seen = await inside(
    'secret-material',
    `await crypto.subtle.digest('SHA-1', new Uint8Array(1)); // loads what is loaded lazily
     const seen = [];
     const spy = (prototype, name) => {
       const original = prototype[name];
       prototype[name] = function (...args) { seen.push(name); return original.apply(this, args); };
     };
     for (const name of ['set', 'slice', 'subarray', 'fill']) spy(Object.getPrototypeOf(Uint8Array.prototype), name);
     const key = await crypto.subtle.generateKey({ name: 'AES-GCM', length: 256 }, false, ['encrypt']);
     const leaks = Reflect.ownKeys(key).filter((name) => key[name] instanceof ArrayBuffer || ArrayBuffer.isView(key[name]));
     const refused = await crypto.subtle.exportKey('raw', key).catch((error) => error.name);
     return { leaks, refused, seen };`,
  );
  assert.deepEqual(seen, { leaks: [], refused: 'InvalidAccessError', seen: [] });
});

test('a derivation with endless iterations ends with the CPU limit', async () => {
  cells.deploy({
    name: 'endless',
    modules: {
      'index.js': `export default { async fetch() {
        const key = await crypto.subtle.importKey('raw', new Uint8Array(8), 'PBKDF2', false, ['deriveBits']);
        await crypto.subtle.deriveBits({ name: 'PBKDF2', hash: 'SHA-512', salt: new Uint8Array(8), iterations: 2 ** 31 - 1 }, key, 512);
        return new Response('done');
      } };`,
    },
  });
  await assert.rejects(async () => await cells.json('endless'));
});
