const seen = [];
export default {
  async fetch(request, env, ctx) {
    const path = new URL(request.url).pathname.slice(1);
    switch (path) {
      case "reject": ctx.waitUntil(Promise.reject(new Error("wu"))); break;
      case "throw": ctx.waitUntil((async () => { await scheduler.wait(5); seen.push("throw"); throw new Error("wu later"); })()); break;
      case "late": ctx.waitUntil(scheduler.wait(10).then(() => seen.push("late"))); break;
      case "non-promise": ctx.waitUntil(5); ctx.waitUntil(); ctx.waitUntil({ then(r) { seen.push("thenable"); r(); } }); break;
      case "nested": ctx.waitUntil(scheduler.wait(5).then(() => ctx.waitUntil(scheduler.wait(5).then(() => seen.push("nested"))))); break;
      case "before-throw": ctx.waitUntil(scheduler.wait(1).then(() => seen.push("before-throw"))); throw new Error("handler");
      case "detached": { const { waitUntil } = ctx; try { waitUntil(1); } catch (e) { return new Response(`${e.name}: ${e.message}`); } return new Response("worked"); }
      case "after": await scheduler.wait(60); return Response.json(seen);
    }
    return new Response("answered " + path);
  },
};
