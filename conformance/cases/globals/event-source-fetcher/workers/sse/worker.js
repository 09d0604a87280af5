export default {
  async fetch(request) {
    const { pathname } = new URL(request.url);
    const headers = { "content-type": "text/event-stream; charset=utf-8" };
    if (pathname === "/type") return new Response("data: 1\n\n", { headers: { "content-type": "text/plain" } });
    if (pathname === "/none") return new Response(new Blob(["data: 1\n\n"]).stream());
    if (pathname === "/status") return new Response("data: 1\n\n", { status: 404, headers });
    if (pathname === "/empty") return new Response(null, { headers });
    if (pathname === "/redirect") return new Response(null, { status: 302, headers: { location: "/ok?redirected" } });
    const asked = ["accept", "cache-control", "last-event-id"].map((name) => request.headers.get(name));
    return new Response(`retry: 5\nid: 7\nevent: x\ndata: ${JSON.stringify(asked)}\n\ndata: two\n\n`, { headers });
  },
};
