import { AsyncLocalStorage } from "node:async_hooks";

const storage = new AsyncLocalStorage();
const later = (ms) => new Promise((resolve) => setTimeout(() => resolve(storage.getStore() ?? "none"), ms));
const listened = () => {
  const { readable, writable } = new TransformStream();
  const writer = writable.getWriter();
  setTimeout(() => writer.write(storage.getStore() ?? "none"), 1);
  return readable.getReader().read().then(({ value }) => value);
};

export default {
  async fetch(request) {
    const id = new URL(request.url).searchParams.get("id");
    // All due at once: none may see what another one's request or another call has stored.
    const inside = [1, 2, 3, 4].map((n) => storage.run(`${id}.${n}`, () => later(1)));
    const outside = [later(1), later(2)];
    const more = [5, 6].map((n) => storage.run(`${id}.${n}`, listened));
    const repeated = storage.run(`${id}.7`, () => new Promise((resolve) => {
      const seen = [];
      const timer = setInterval(() => {
        seen.push(storage.getStore());
        if (seen.length === 3) resolve(seen);
        if (seen.length === 3) clearInterval(timer);
      }, 1);
    }));
    return Response.json(await Promise.all([...inside, ...outside, ...more, repeated]));
  },
};
