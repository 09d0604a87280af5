import {
  type ColumnType,
  type CompiledQuery,
  DummyDriver,
  type Generated,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
} from 'kysely';

export interface Schema {
  readonly todos: {
    readonly id: Generated<number>;
    readonly title: string;
    readonly done: Generated<boolean>;
    readonly created_at: ColumnType<Date, never, never>;
  };
}

/** What this Worker uses of its database. */
export interface Queryable {
  query(sql: string, params: readonly unknown[]): Promise<unknown[]>;
}
export interface Database extends Queryable {
  transaction<T>(work: (tx: Queryable) => Promise<T>): Promise<T>;
}

/** Builds SQL and runs nothing: that is `run`'s part. */
export const sql = new Kysely<Schema>({
  dialect: {
    createAdapter: () => new PostgresAdapter(),
    createDriver: () => new DummyDriver(),
    createIntrospector: (db) => new PostgresIntrospector(db),
    createQueryCompiler: () => new PostgresQueryCompiler(),
  },
});

/** Runs what was built, in the database or in a transaction of it. */
export async function run<Row>(on: Queryable, query: { compile(): CompiledQuery<Row> }): Promise<Row[]> {
  const { sql: text, parameters } = query.compile();
  return (await on.query(text, parameters)) as Row[];
}
