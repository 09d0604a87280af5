export default {
  async fetch(request, env) {
    const out = {};
    for (const path of ["ok", "type", "none", "status", "redirect"]) {
      const log = (out[path] = []);
      const es = new EventSource("http://sse.example/" + path, { fetcher: env.SSE });
      log.push([es.url, es.readyState]);
      for (const type of ["open", "message", "x", "error"])
        es.addEventListener(type, (e) => log.push([type, e.data ?? null, e.lastEventId ?? null, e.origin ?? null, es.readyState, e.error?.name ?? null, e.error?.message ?? null]));
      // Over "ok" until it has come back once, over the others until they have failed.
      const failures = path === "ok" ? 2 : 1;
      const failed = () => log.filter((entry) => entry[0] === "error").length;
      for (let waited = 0; failed() < failures && waited < 5000; waited += 20) await scheduler.wait(20);
      es.close();
      log.push([es.url, es.readyState]);
    }
    return Response.json(out);
  },
};
