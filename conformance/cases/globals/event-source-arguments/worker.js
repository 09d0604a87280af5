const probe = (f) => {
  try {
    const v = f();
    return v instanceof EventSource ? [v.url, v.readyState, v.withCredentials] : (v ?? null);
  } catch (e) {
    return { $error: e.name, $message: e.message };
  }
};
const atTop = probe(() => new EventSource("http://x.invalid/"));
export default {
  async fetch() {
    const read = new Response("x");
    await read.text();
    const locked = new Response("x").body;
    locked.getReader();
    const es = EventSource.from(new Response("data: 1\n\n").body);
    const handler = () => {};
    const attribute = (value) => {
      es.onmessage = value;
      return es.onmessage === value ? "kept" : es.onmessage;
    };
    return Response.json({
      atTop,
      none: probe(() => new EventSource()),
      bad: probe(() => new EventSource("bad")),
      relative: probe(() => new EventSource("/x")),
      init: probe(() => new EventSource("http://x.invalid/", 5)),
      credentials: probe(() => new EventSource("http://x.invalid/", { withCredentials: true })),
      fetcher: probe(() => new EventSource("http://x.invalid/", { fetcher: {} })),
      nullInit: probe(() => new EventSource("http://x.invalid/a/../b", null)),
      fromNone: probe(() => EventSource.from()),
      fromObject: probe(() => EventSource.from({})),
      fromLocked: probe(() => EventSource.from(locked)),
      fromRead: probe(() => EventSource.from(read.body)),
      detached: probe(() => Object.getOwnPropertyDescriptor(EventSource.prototype, "readyState").get.call({})),
      attributes: [attribute(5), attribute(handler), attribute(null), attribute("x")],
      constants: [EventSource.CONNECTING, EventSource.OPEN, EventSource.CLOSED, es.CONNECTING, es.OPEN, es.CLOSED],
      keys: Object.getOwnPropertyNames(EventSource.prototype).sort(),
      tag: Object.prototype.toString.call(es),
      isTarget: es instanceof EventTarget,
    });
  },
};
