export const number = 5;
export default { fetch() { return new Response("x"); } };
