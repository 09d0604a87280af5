export default { fetch() { return new Response("n"); } };
