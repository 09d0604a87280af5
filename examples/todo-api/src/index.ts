import { type Context, Hono } from 'hono';
import { HTTPException } from 'hono/http-exception';
import { type Database, run, sql } from './database.ts';

type App = { Bindings: { readonly DB: Database } };

const PAGE = 100;
const MAX_TITLE = 200;
const MAX_ID = 2_147_483_647;

const bad = (message: string): HTTPException => new HTTPException(400, { message });

const app = new Hono<App>();

app.onError((error, c) => {
  if (error instanceof HTTPException) return c.json({ error: error.message }, error.status);
  // The platform logs it, and answers 500.
  throw error;
});
app.notFound((c) => c.json({ error: 'Not found.' }, 404));

app.get('/todos', async (c) => {
  const { done, after } = c.req.query();
  let query = sql.selectFrom('todos').selectAll().orderBy('id').limit(PAGE);
  if (done !== undefined) query = query.where('done', '=', readFlag(done));
  if (after !== undefined) query = query.where('id', '>', readId(after));
  return c.json({ todos: await run(c.env.DB, query) });
});

app.post('/todos', async (c) => {
  const { title } = await readBody(c);
  const [todo] = await run(
    c.env.DB,
    sql
      .insertInto('todos')
      .values({ title: readTitle(title) })
      .returningAll(),
  );
  return c.json(todo, 201, { location: `/todos/${todo?.id}` });
});

app.post('/todos/complete', async (c) => {
  const { ids } = await readBody(c);
  if (!Array.isArray(ids) || ids.length === 0 || ids.length > PAGE) throw bad(`ids has to be a list of 1 to ${PAGE}.`);
  const wanted = [...new Set(ids.map((id) => readId(String(id))))];
  const todos = await c.env.DB.transaction(async (tx) => {
    const done = await run(tx, sql.updateTable('todos').set({ done: true }).where('id', 'in', wanted).returningAll());
    // What is thrown here takes back what was done.
    if (done.length < wanted.length) throw new HTTPException(404, { message: 'One of them does not exist.' });
    return done;
  });
  return c.json({ todos });
});

app.get('/todos/:id', async (c) => {
  const query = sql
    .selectFrom('todos')
    .selectAll()
    .where('id', '=', readId(c.req.param('id')));
  return found(c, await run(c.env.DB, query));
});

app.patch('/todos/:id', async (c) => {
  const { title, done } = await readBody(c);
  if (title === undefined && done === undefined) throw bad('Send a title, done, or both.');
  if (done !== undefined && typeof done !== 'boolean') throw bad('done has to be true or false.');
  const query = sql
    .updateTable('todos')
    .set({ ...(title === undefined ? {} : { title: readTitle(title) }), ...(done === undefined ? {} : { done }) })
    .where('id', '=', readId(c.req.param('id')))
    .returningAll();
  return found(c, await run(c.env.DB, query));
});

app.delete('/todos/:id', async (c) => {
  const query = sql
    .deleteFrom('todos')
    .where('id', '=', readId(c.req.param('id')))
    .returning('id');
  return (await run(c.env.DB, query)).length === 0 ? c.notFound() : c.body(null, 204);
});

const found = (c: Context<App>, rows: readonly object[]) => (rows[0] === undefined ? c.notFound() : c.json(rows[0]));

async function readBody(c: Context<App>): Promise<Record<string, unknown>> {
  const body: unknown = await c.req.json().catch(() => null);
  if (typeof body !== 'object' || body === null || Array.isArray(body)) throw bad('Send a JSON object.');
  return body as Record<string, unknown>;
}

function readTitle(value: unknown): string {
  const title = typeof value === 'string' ? value.trim() : '';
  if (title === '' || title.length > MAX_TITLE) throw bad(`title has to be a text of 1 to ${MAX_TITLE} characters.`);
  return title;
}

function readId(text: string): number {
  const id = Number(text);
  if (!Number.isInteger(id) || id < 1 || id > MAX_ID) throw bad('An id is a whole number from 1 on.');
  return id;
}

function readFlag(text: string): boolean {
  if (text !== 'true' && text !== 'false') throw bad('done has to be true or false.');
  return text === 'true';
}

export default app;
