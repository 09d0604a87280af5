import { Hono } from 'hono';
import { HTTPException } from 'hono/http-exception';

interface Note {
  readonly id: number;
  readonly text: string;
}

// In memory: gone when the worker's process ends. A real program would bind a store.
const notes = new Map<number, Note>();
let lastId = 0;

const app = new Hono();

app.get('/notes', (c) => c.json([...notes.values()]));

app.post('/notes', async (c) => {
  const { text } = await c.req.json<{ text?: unknown }>();
  if (typeof text !== 'string' || text === '') throw new HTTPException(400, { message: 'A note has a text.' });
  const note = { id: ++lastId, text };
  notes.set(note.id, note);
  return c.json(note, 201, { location: `/notes/${note.id}` });
});

app.get('/notes/:id{[0-9]+}', (c) => {
  const note = notes.get(Number(c.req.param('id')));
  return note === undefined ? c.notFound() : c.json(note);
});

app.delete('/notes/:id{[0-9]+}', (c) => c.body(null, notes.delete(Number(c.req.param('id'))) ? 204 : 404));

export default app;
