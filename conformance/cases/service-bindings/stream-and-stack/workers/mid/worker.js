export default { async fetch(request, env) { const r = await env.S.fetch(request); return new Response(r.body.pipeThrough(new TransformStream()), r); } };
