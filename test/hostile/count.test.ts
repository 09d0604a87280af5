/** The claim "whatever a worker does" is worth what its attacks are worth: none may be lost, none left unrun. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { test } from 'node:test';
import { attacksOf } from './arena.ts';

const HERE = new URL('.', import.meta.url);
const MIN_ATTACKS = 150;

const files = readdirSync(new URL('attacks/', HERE)).filter((file) => /\.[jt]s$/.test(file));

test('there are at least 150 attacks, each with a sentence of its own', async () => {
  const sentences: string[] = [];
  for (const file of files) sentences.push(...Object.keys(await attacksOf(file)));
  assert.equal(new Set(sentences).size, sentences.length, 'sentences are unique');
  assert.ok(sentences.length >= MIN_ATTACKS, `${sentences.length} attacks`);
});

test('every table of attacks is run by a test', () => {
  assert.ok(files.length >= 12, files.join());
  for (const file of files) assert.ok(existsSync(new URL(file.replace(/\.[jt]s$/, '.test.ts'), HERE)), file);
});
