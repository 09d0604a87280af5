export const n = "a string";
export default { fetch() { return new Response("x"); } };
