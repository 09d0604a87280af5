export const n = null;
export default { fetch() { return new Response("x"); } };
