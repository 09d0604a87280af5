export default {
  async fetch(request, env, ctx) {
    const path = new URL(request.url).pathname.slice(1);
    switch (path) {
      case "never": await new Promise(() => {}); break;
      case "never-sync": return new Promise(() => {});
      case "body-then-never": await request.text(); await new Promise(() => {}); break;
      case "timer-cleared": await new Promise((r) => { const t = setTimeout(r, 50); clearTimeout(t); }); break;
      case "wait-until-never": ctx.waitUntil(new Promise(() => {})); await new Promise(() => {}); break;
      case "respond-never-stream": return new Response(new ReadableStream({ pull() { return new Promise(() => {}); } }));
    }
    return new Response("answered " + path);
  },
};
