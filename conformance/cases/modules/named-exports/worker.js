export function helper() { return "h"; }
export class Klass {}
export { helper as "string name" };
export const handlers = { fetch() { return new Response("other"); } };
export default { async fetch(request, env, ctx) { const self = await import("./worker.js"); return Response.json({ keys: Object.keys(self), same: self.default.fetch === this.fetch }); } };
