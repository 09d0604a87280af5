let shared;
export default {
  async fetch(request) {
    const path = new URL(request.url).pathname.slice(1);
    if (path === "make") { shared = scheduler.wait(80).then(() => "made"); return new Response(await shared); }
    return new Response(await shared);
  },
};
