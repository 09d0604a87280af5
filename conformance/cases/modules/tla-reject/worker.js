await Promise.reject(new Error("rejected at startup"));
export default { fetch() { return new Response("x"); } };
