/** Versions: immutable uploads with their modules and bindings. */
import { createHash, randomUUID } from 'node:crypto';
import type {
  Binding,
  ModuleRef,
  ModuleType,
  VersionLimits,
  WorkerFormat,
  WorkerVersion,
} from '../../shared/worker.ts';
import { recordChange } from './changes.ts';
import type { Database, Queryable } from './database.ts';
import { insertDeployment } from './deployments.ts';
import { open, seal } from './envelope.ts';
import { storeModules } from './modules.ts';
import { groupBy } from './rows.ts';
import { StoreConflict } from './store.ts';
import type { ListedVersion, NewVersion, PublishedVersion, VersionRecord, WorkerRecord } from './store.ts';
import { findWorker, lockOrCreateWorker, mayExist, touchWorker } from './workers.ts';

interface VersionRow {
  readonly id: string;
  readonly account_id: string;
  readonly worker_id: string;
  readonly worker_name: string;
  readonly number: number;
  readonly created_at: Date;
  readonly format: WorkerFormat;
  readonly main_module: string;
  readonly compatibility_date: string;
  readonly compatibility_flags: readonly string[];
  readonly limits: VersionLimits;
  readonly annotations: Readonly<Record<string, string>>;
  readonly source: string;
  readonly startup_ms: number;
  readonly handlers: readonly string[];
  readonly kept: Readonly<Record<string, unknown>>;
  readonly etag: string;
}

interface ModuleRow {
  readonly version_id: string;
  readonly name: string;
  readonly type: ModuleType;
  readonly hash: Buffer;
  readonly size_bytes: number;
}

interface BindingRow {
  readonly version_id: string;
  readonly name: string;
  readonly type: string;
  readonly data: Binding;
  readonly secret: Buffer | null;
}

const VERSION_SELECT = `SELECT v.id, w.account_id, v.worker_id, w.name AS worker_name, v.number, v.created_at, v.format, v.main_module,
    v.compatibility_date, v.compatibility_flags, v.limits, v.annotations, v.source, v.startup_ms, v.handlers, v.kept, v.etag
  FROM skep.versions v JOIN skep.workers w ON w.id = v.worker_id`;

/** See Store.publishVersion. */
export function publishVersion(db: Database, masterKey: Uint8Array, input: NewVersion): Promise<PublishedVersion> {
  return db.transaction(async (tx) => {
    const workerId = await lockOrCreateWorker(tx, input.accountId, input.workerName);
    const number = await nextNumber(tx, workerId, input);
    const id = randomUUID();
    if (!('copyFromVersionId' in input.modules)) await storeModules(tx, input.modules);
    const modules = await modulesOf(tx, workerId, input);
    await insertVersion(tx, id, workerId, number, input, etagOf(input.mainModule, modules));
    await insertModules(tx, id, modules);
    await insertBindings(tx, masterKey, { accountId: input.accountId, workerId, versionId: id }, input.bindings);
    await touchWorker(tx, workerId, input.settings);
    const deployment = input.deploy
      ? await insertDeployment(tx, workerId, {
          versions: [{ versionId: id, percentage: 100 }],
          annotations: input.annotations,
          source: input.source,
        })
      : null;
    const worker = (await findWorker(tx, input.accountId, input.workerName)) as WorkerRecord;
    const [version] = await readVersions(tx, masterKey, 'v.id = $1', [id]);
    const changeSeq = await recordChange(tx, input.accountId, input.workerName);
    return { worker, version: version as VersionRecord, deployment, changeSeq };
  });
}

async function nextNumber(tx: Queryable, workerId: string, input: NewVersion): Promise<number> {
  const { rows } = await tx.query<{ id: string; number: number }>(
    'SELECT id, number FROM skep.versions WHERE worker_id = $1 ORDER BY number DESC LIMIT 1',
    [workerId],
  );
  const latest = rows[0];
  if ((latest?.id ?? null) !== input.expectedLatestVersionId) {
    throw new StoreConflict(
      `The newest version of "${input.workerName}" is ${latest?.id ?? 'none'} by now, not ${input.expectedLatestVersionId ?? 'none'}. ` +
        'Read it and try again.',
    );
  }
  return (latest?.number ?? 0) + 1;
}

async function modulesOf(tx: Queryable, workerId: string, input: NewVersion): Promise<readonly ModuleRef[]> {
  if (!('copyFromVersionId' in input.modules)) return input.modules;
  const from = input.modules.copyFromVersionId;
  const { rows } = await tx.query<ModuleRow>(
    `SELECT m.version_id, m.name, m.type, m.hash, m.size_bytes
       FROM skep.version_modules m JOIN skep.versions v ON v.id = m.version_id
      WHERE m.version_id = $1 AND v.worker_id = $2 ORDER BY m.position`,
    [from, workerId],
  );
  if (rows.length === 0)
    throw new StoreConflict(`"${input.workerName}" has no version ${from} whose modules could be taken over.`);
  return rows.map(toModule);
}

/** Changes exactly when the code does: the API shows it, and clients compare it. */
function etagOf(mainModule: string, modules: readonly ModuleRef[]): string {
  const parts = modules.map(({ name, type, hash }) => [name, type, hash]);
  return createHash('sha256')
    .update(JSON.stringify([mainModule, parts]))
    .digest('hex');
}

async function insertVersion(
  tx: Queryable,
  id: string,
  workerId: string,
  number: number,
  input: NewVersion,
  etag: string,
): Promise<void> {
  await tx.query(
    `INSERT INTO skep.versions (id, worker_id, number, format, main_module, compatibility_date, compatibility_flags, limits,
       annotations, source, startup_ms, handlers, kept, etag)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`,
    [
      id,
      workerId,
      number,
      input.format,
      input.mainModule,
      input.compatibilityDate,
      JSON.stringify(input.compatibilityFlags),
      JSON.stringify(input.limits),
      JSON.stringify(input.annotations),
      input.source,
      input.startupMs,
      JSON.stringify(input.handlers),
      JSON.stringify(input.kept),
      etag,
    ],
  );
}

async function insertModules(tx: Queryable, versionId: string, modules: readonly ModuleRef[]): Promise<void> {
  await tx.query(
    `INSERT INTO skep.version_modules (version_id, position, name, type, hash, size_bytes)
     SELECT $1, u.position, u.name, u.type, u.hash, u.size_bytes
       FROM unnest($2::text[], $3::text[], $4::bytea[], $5::int[]) WITH ORDINALITY AS u (name, type, hash, size_bytes, position)`,
    [
      versionId,
      modules.map((module) => module.name),
      modules.map((module) => module.type),
      modules.map((module) => Buffer.from(module.hash, 'hex')),
      modules.map((module) => module.sizeBytes),
    ],
  );
}

interface SecretPlace {
  readonly accountId: string;
  readonly workerId: string;
  readonly versionId: string;
}

function placeOf(place: SecretPlace, bindingName: string): string[] {
  return [place.accountId, place.workerId, place.versionId, bindingName];
}

async function insertBindings(
  tx: Queryable,
  masterKey: Uint8Array,
  place: SecretPlace,
  bindings: readonly Binding[],
): Promise<void> {
  const rows = bindings.map((binding) => {
    if (binding.type !== 'secret_text') return { binding, data: JSON.stringify(binding), secret: null };
    const { text, ...data } = binding;
    return { binding, data: JSON.stringify(data), secret: seal(masterKey, placeOf(place, binding.name), text) };
  });
  await tx.query(
    `INSERT INTO skep.version_bindings (version_id, position, name, type, data, secret)
     SELECT $1, u.position, u.name, u.type, u.data::json, u.secret
       FROM unnest($2::text[], $3::text[], $4::text[], $5::bytea[]) WITH ORDINALITY AS u (name, type, data, secret, position)`,
    [
      place.versionId,
      rows.map((row) => row.binding.name),
      rows.map((row) => row.binding.type),
      rows.map((row) => row.data),
      rows.map((row) => row.secret),
    ],
  );
}

/** Newest first. Nobody asks a list for secrets, and a hundred versions may hold hundreds of megabytes of them: they stay closed. */
export async function listVersions(
  db: Database,
  accountId: string,
  workerName: string,
  limit: number,
): Promise<ListedVersion[]> {
  if (!mayExist(workerName)) return [];
  const latest = `v.id IN (SELECT n.id FROM skep.versions n JOIN skep.workers o ON o.id = n.worker_id
    WHERE o.account_id = $1 AND o.name = $2 ORDER BY n.number DESC LIMIT $3)`;
  const values = [accountId, workerName, limit];
  return db.transaction((tx) => readVersionsWith(tx, secretName, CLOSED_SECRETS, latest, values), 'snapshot');
}

/** A version with its bindings, secrets unsealed. Null: the worker has none with this id. */
export async function findVersion(
  db: Database,
  masterKey: Uint8Array,
  accountId: string,
  workerName: string,
  versionId: string,
): Promise<VersionRecord | null> {
  // Anything else than a UUID is no version's id, and an error in PostgreSQL.
  if (!isUuid(versionId) || !mayExist(workerName)) return null;
  const values = [accountId, workerName, versionId];
  const where = 'w.account_id = $1 AND w.name = $2 AND v.id = $3';
  const [version] = await db.transaction((tx) => readVersions(tx, masterKey, where, values), 'snapshot');
  return version ?? null;
}

/** Whether the text can be the id of a version. */
export function isUuid(text: string): boolean {
  return /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text);
}

/** What is read of a secret: its bytes, or only that it is one. */
const SEALED_SECRETS = 'secret';
const CLOSED_SECRETS = "CASE WHEN secret IS NULL THEN NULL ELSE ''::bytea END AS secret";

type OpenBinding<B> = (place: SecretPlace, row: BindingRow) => B;

/**
 * Versions with modules and bindings, newest first. `where` speaks of `v` (versions) and `w` (workers).
 * Run it in one snapshot, or a version may be deleted between its queries.
 */
export function readVersions(
  tx: Queryable,
  masterKey: Uint8Array,
  where: string,
  values: readonly unknown[],
): Promise<VersionRecord[]> {
  return readVersionsWith(tx, (place, row) => toBinding(masterKey, place, row), SEALED_SECRETS, where, values);
}

async function readVersionsWith<B>(
  tx: Queryable,
  openBinding: OpenBinding<B>,
  secretColumn: string,
  where: string,
  values: readonly unknown[],
): Promise<(Omit<VersionRecord, 'bindings'> & { readonly bindings: readonly B[] })[]> {
  const { rows } = await tx.query<VersionRow>(`${VERSION_SELECT} WHERE ${where} ORDER BY v.number DESC, v.id`, values);
  const ids = rows.map((row) => row.id);
  const modules = await tx.query<ModuleRow>(
    'SELECT version_id, name, type, hash, size_bytes FROM skep.version_modules WHERE version_id = ANY($1) ORDER BY version_id, position',
    [ids],
  );
  const bindings = await tx.query<BindingRow>(
    `SELECT version_id, name, type, data, ${secretColumn} FROM skep.version_bindings WHERE version_id = ANY($1) ORDER BY version_id, position`,
    [ids],
  );
  const modulesOfVersion = groupBy(modules.rows, (row) => row.version_id);
  const bindingsOfVersion = groupBy(bindings.rows, (row) => row.version_id);
  return rows.map((row) => {
    const place = { accountId: row.account_id, workerId: row.worker_id, versionId: row.id };
    return {
      ...toWorkerVersion(row),
      modules: (modulesOfVersion.get(row.id) ?? []).map(toModule),
      bindings: (bindingsOfVersion.get(row.id) ?? []).map((binding) => openBinding(place, binding)),
      source: row.source,
      startupMs: row.startup_ms,
      handlers: row.handlers,
      kept: row.kept,
      etag: row.etag,
    };
  });
}

function toWorkerVersion(row: VersionRow): Omit<WorkerVersion, 'modules' | 'bindings'> {
  return {
    id: row.id,
    accountId: row.account_id,
    workerId: row.worker_id,
    workerName: row.worker_name,
    number: row.number,
    createdAt: row.created_at,
    format: row.format,
    mainModule: row.main_module,
    compatibilityDate: row.compatibility_date,
    compatibilityFlags: row.compatibility_flags,
    limits: row.limits,
    annotations: row.annotations,
  };
}

function toModule(row: ModuleRow): ModuleRef {
  return { name: row.name, type: row.type, hash: row.hash.toString('hex'), sizeBytes: row.size_bytes };
}

/** A secret by its name; everything else as it is. */
function secretName(_place: SecretPlace, row: BindingRow): ListedVersion['bindings'][number] {
  if (row.secret !== null) return { type: 'secret_text', name: row.name };
  return row.data;
}

function toBinding(masterKey: Uint8Array, place: SecretPlace, row: BindingRow): Binding {
  if (row.secret === null) return row.data;
  return { type: 'secret_text', name: row.name, text: open(masterKey, placeOf(place, row.name), row.secret) };
}
