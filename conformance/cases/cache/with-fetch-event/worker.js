addEventListener("fetch", (event) => event.respondWith(handle(event)));
async function handle(event) {
  const url = new URL(event.request.url);
  const key = new Request(new URL("/cached" + url.search, url), event.request);
  let response = await caches.default.match(key);
  if (response) {
    response = new Response(response.body, response);
    response.headers.set("x-from", "cache");
    return response;
  }
  response = new Response("fresh", { headers: { "cache-control": "public, max-age=30", "x-made": "1" } });
  event.waitUntil(caches.default.put(key, response.clone()));
  return response;
}
