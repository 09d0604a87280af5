export default {
  async fetch(request, env) {
    const out = {};
    for (const path of ["ok", "type", "none", "status", "redirect"]) {
      const log = (out[path] = []);
      const es = new EventSource("http://sse.example/" + path, { fetcher: env.SSE });
      log.push([es.url, es.readyState]);
      for (const type of ["open", "message", "x", "error"])
        es.addEventListener(type, (e) => log.push([type, e.data ?? null, e.lastEventId ?? null, e.origin ?? null, es.readyState, e.error?.name ?? null, e.error?.message ?? null]));
      await scheduler.wait(path === "ok" ? 1400 : 80);
      es.close();
      log.push([es.url, es.readyState]);
    }
    return Response.json(out);
  },
};
