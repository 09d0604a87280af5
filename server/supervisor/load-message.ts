/** What a cell is told of its `env`: values, and the names of bindings whose other end stays with the broker. */
import type { EnvEntry } from '../../shared/protocol.ts';
import type { Binding, WorkerVersion } from '../../shared/worker.ts';

export const envEntries = (version: WorkerVersion): EnvEntry[] =>
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
