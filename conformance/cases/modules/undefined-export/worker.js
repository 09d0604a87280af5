export const u = undefined;
export const n = null;
export const arr = [1];
export default { fetch() { return new Response("x"); } };
