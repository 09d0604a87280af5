const events = [];
addEventListener("unhandledrejection", (e) => { events.push(["unhandled", e.constructor.name, String(e.reason?.message ?? e.reason), e.promise instanceof Promise]); });
addEventListener("rejectionhandled", (e) => { events.push(["handled"]); });
addEventListener("error", (e) => { events.push(["error", e.constructor.name, e.message, String(e.error?.message)]); });
export default {
  async fetch(request) {
    const path = new URL(request.url).pathname.slice(1);
    switch (path) {
      case "now": Promise.reject(new Error("now")); break;
      case "later": (async () => { await scheduler.wait(1); throw new Error("later"); })(); await scheduler.wait(10); break;
      case "timer-throw": setTimeout(() => { throw new Error("timer"); }, 1); await scheduler.wait(10); break;
      case "microtask-throw": queueMicrotask(() => { throw new Error("micro"); }); await scheduler.wait(1); break;
      case "then-throw": Promise.resolve().then(() => { throw new Error("then"); }); await 1; break;
      case "undefined": Promise.reject(); break;
      case "nested": new Promise((_, r) => r(new Promise(() => {}))); break;
      case "listener": { const p = Promise.reject(new Error("caught later")); await scheduler.wait(5); p.catch(() => {}); await scheduler.wait(5); break; }
      case "report": reportError(new Error("reported")); reportError("text"); break;
      case "events": return Response.json(events);
    }
    return new Response("answered " + path);
  },
};
