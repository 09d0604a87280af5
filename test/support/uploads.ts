/** Uploads for the tests of storage, bus and catalog. */
import { createHash, randomBytes } from 'node:crypto';
import type { Binding, ModuleContent } from '../../shared/worker.ts';
import type { NewVersion } from '../../server/storage/store.ts';

export const ACCOUNT_ID = 'a'.repeat(32);

export function moduleOf(name: string, content: string | Uint8Array): ModuleContent {
  const bytes = typeof content === 'string' ? Buffer.from(content) : content;
  return {
    name,
    type: 'esm',
    hash: createHash('sha256').update(bytes).digest('hex'),
    sizeBytes: bytes.byteLength,
    content: bytes,
  };
}

export function newVersion(workerName: string, changes: Partial<NewVersion> = {}): NewVersion {
  return {
    accountId: ACCOUNT_ID,
    workerName,
    expectedLatestVersionId: null,
    format: 'modules',
    mainModule: 'index.js',
    compatibilityDate: '2023-07-24',
    compatibilityFlags: [],
    bindings: [],
    limits: {},
    modules: [moduleOf('index.js', `export default {} // ${randomBytes(8).toString('hex')}`)],
    annotations: {},
    source: 'wrangler',
    startupMs: 1.5,
    handlers: ['fetch'],
    kept: {},
    deploy: true,
    ...changes,
  };
}

export function secret(name: string, text: string): Binding {
  return { type: 'secret_text', name, text };
}
