const rec = (f) => { try { return f() ?? "ok"; } catch (e) { return { $error: e.name, $message: e.message }; } };
const events = [];
addEventListener("error", (e) => { events.push([e.message, e.filename, typeof e.lineno, typeof e.colno, e.error instanceof Error ? e.error.message : e.error, e.cancelable, e.bubbles, e.type]); });
export default {
  fetch() {
    const out = { error: rec(() => reportError(new Error("e"))), text: rec(() => reportError("t")), none: rec(() => reportError()), undef: rec(() => reportError(undefined)), name: reportError.name, length: reportError.length };
    out.events = events;
    return Response.json(out);
  },
};
