export default undefined;
export const n = { fetch() { return new Response("x"); } };
