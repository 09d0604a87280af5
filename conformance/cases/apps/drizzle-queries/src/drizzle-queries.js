import { sqliteTable, text, integer, SQLiteSyncDialect } from 'drizzle-orm/sqlite-core';
import { pgTable, serial, varchar, jsonb, timestamp, PgDialect, QueryBuilder } from 'drizzle-orm/pg-core';
import { eq, and, or, like, inArray, sql, desc, count, relations } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/sqlite-proxy';
const users = sqliteTable('users', { id: integer('id').primaryKey({ autoIncrement: true }), name: text('name').notNull(), meta: text('meta', { mode: 'json' }), at: integer('at', { mode: 'timestamp' }) });
const posts = sqliteTable('posts', { id: integer('id').primaryKey(), userId: integer('user_id').references(() => users.id), title: text('title') });
const usersR = relations(users, ({ many }) => ({ posts: many(posts) }));
const pu = pgTable('pu', { id: serial('id').primaryKey(), n: varchar('n', { length: 20 }), j: jsonb('j'), t: timestamp('t').defaultNow() });
export default { async fetch() {
  const log = [];
  const db = drizzle(async (q, params, method) => { log.push([q, params, method]); return { rows: method === 'run' ? [] : [[1, 'Ann', '{"a":1}', 1700000000]] }; }, { schema: { users, posts, usersR } });
  const rows = await db.select().from(users).where(and(eq(users.name, 'Ann'), or(like(users.name, 'A%'), inArray(users.id, [1, 2])))).orderBy(desc(users.id)).limit(5);
  await db.insert(users).values({ name: 'Bob', meta: { x: [1] }, at: new Date(1700000000000) }).onConflictDoNothing();
  await db.update(users).set({ name: 'C' }).where(eq(users.id, 3));
  await db.delete(posts).where(eq(posts.id, 1));
  const qb = new QueryBuilder();
  const pg = qb.select({ n: pu.n, c: count() }).from(pu).groupBy(pu.n).having(sql`count(*) > ${2}`).toSQL();
  return Response.json({ rows, log, pg });
} };
