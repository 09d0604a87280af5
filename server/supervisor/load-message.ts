/** What a cell is told of its version: modules, and of its `env` values and the names of bindings whose other end stays with the broker. */
import { encodeFrame } from '../../shared/frames.ts';
import { type EnvEntry, LOAD, LOAD_BYTES, type LoadMessage } from '../../shared/protocol.ts';
import { type Binding, isSourceMap, type ModuleContent, type WorkerVersion } from '../../shared/worker.ts';

const LOAD_CHUNK_BYTES = 1024 * 1024;

/** The frames that hand a cell its version. Source maps stay with the server. */
export function* loadFrames(
  version: WorkerVersion,
  all: readonly ModuleContent[],
  nonce: string,
): Generator<Uint8Array, void> {
  const modules = all.filter((module) => !isSourceMap(module));
  const message: LoadMessage = {
    format: version.format,
    mainModule: version.mainModule,
    compatibilityDate: version.compatibilityDate,
    compatibilityFlags: version.compatibilityFlags,
    env: envEntries(version),
    modules: modules.map(({ name, type, content }) => ({ name, type, sizeBytes: content.length })),
    nonce,
  };
  yield encodeFrame(LOAD, 0, Buffer.from(JSON.stringify(message)));
  for (const { content } of modules) {
    for (let at = 0; at < content.length; at += LOAD_CHUNK_BYTES) {
      yield encodeFrame(LOAD_BYTES, 0, content.subarray(at, at + LOAD_CHUNK_BYTES));
    }
  }
}

const envEntries = (version: WorkerVersion): EnvEntry[] =>
  version.bindings.map((binding) => envEntry(binding, version));

function envEntry(binding: Binding, version: WorkerVersion): EnvEntry {
  const { name } = binding;
  switch (binding.type) {
    case 'plain_text':
    case 'secret_text':
      return { kind: 'value', name, value: binding.text };
    case 'json':
      return { kind: 'value', name, value: binding.json };
    case 'version_metadata':
      return {
        kind: 'value',
        name,
        value: {
          id: version.id,
          tag: version.annotations['workers/tag'] ?? '',
          timestamp: version.createdAt.toISOString(),
        },
      };
    case 'd1':
      return { kind: 'data', name, extra: 'database', config: { shape: 'd1' } };
    case 'hyperdrive':
      return { kind: 'data', name, extra: 'database', config: { shape: 'hyperdrive' } };
    case 'service':
      return { kind: 'service', name };
    case 'kv_namespace':
      return { kind: 'data', name, extra: 'kv', config: null };
    case 'r2_bucket':
      return { kind: 'data', name, extra: 'r2', config: null };
    case 'text_blob':
    case 'data_blob':
    case 'wasm_module':
      return { kind: 'module', name, module: binding.part };
    default:
      return assertNever(binding);
  }
}

function assertNever(binding: never): never {
  throw new Error(`Unknown binding ${JSON.stringify(binding)}`);
}
