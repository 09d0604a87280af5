import http, { createServer } from 'node:http';
import { handleAsNodeRequest, httpServerHandler } from 'cloudflare:node';
const attempt = (f) => {
  try {
    const v = f();
    return v === undefined ? 'undefined' : v;
  } catch (e) {
    return { $error: e.name, $message: e.message, code: e.code };
  }
};
const server = createServer((req, res) => {
  const { pathname, searchParams } = new URL(req.url, 'http://x');
  const routes = {
    '/request': () => {
      const { method, url, httpVersion, httpVersionMajor, complete, aborted, statusCode, statusMessage } = req;
      let bytes = 0;
      req.on('data', (chunk) => (bytes += Buffer.isBuffer(chunk) ? chunk.length : NaN));
      req.on('end', () =>
        res.end(
          JSON.stringify({
            method, url, httpVersion, httpVersionMajor, complete, aborted, statusCode, statusMessage, bytes,
            after: req.complete,
            in: req.headers['x-in'], cookie: req.headers.cookie,
            distinct: req.headersDistinct['x-in'], raw: req.rawHeaders.includes('x-in'),
            socket: [typeof req.socket, req.socket === req.connection],
            cloudflare: Object.keys(req.cloudflare ?? {}),
            same: res.req === req,
          }),
        ),
      );
    },
    '/headers': () => {
      const out = [
        attempt(() => res.setHeader('a b', 'x')), attempt(() => res.setHeader('x')), attempt(() => res.setHeader('x', 'a\nb')),
        attempt(() => res.getHeader('nope')), attempt(() => res.setHeader('X-Multi', ['a', 'b']) === res),
        attempt(() => res.appendHeader('x-multi', 'c') === res), attempt(() => res.getHeader('X-MULTI')),
        attempt(() => ({ ...res.getHeaders() })), attempt(() => res.hasHeader('X-MULTI')), attempt(() => res.removeHeader('x-multi')),
        attempt(() => res.hasHeader('x-multi')), attempt(() => res.setHeader('Set-Cookie', ['a=1', 'b=2']) === res),
        attempt(() => res.setHeader('X-Number', 5).getHeader('x-number')), attempt(() => res.getRawHeaderNames()),
        attempt(() => res.setHeaders(new Headers({ 'x-set': '1' })) === res), attempt(() => res.getHeaderNames()),
        attempt(() => res.writeHead(99)), attempt(() => res.writeContinue()), attempt(() => res.writeProcessing()),
        attempt(() => res.headersSent), attempt(() => res.writeHead(201, 'MADE', { 'X-A': '1' }) === res), attempt(() => res.headersSent),
        attempt(() => res.writeHead(200)), attempt(() => res.setHeader('late', 'x')), attempt(() => res.removeHeader('late')),
      ];
      res.end(JSON.stringify(out));
    },
    '/stream': async () => {
      res.setHeader('content-type', 'text/plain');
      for (let i = 0; i < 5; i++) {
        if (!res.write(`part ${i}\n`)) await new Promise((r) => res.once('drain', r));
        await new Promise((r) => setTimeout(r, 1));
      }
      res.end('end');
    },
    '/empty': () => res.writeHead(204).end(),
    '/status': () => {
      res.statusCode = Number(searchParams.get('code'));
      res.statusMessage = 'Custom';
      res.end(searchParams.get('code'));
    },
    '/bytes': () => res.end(Buffer.from([1, 2, 255])),
    '/hex': () => res.end('616263', 'hex'),
    '/flat': () => res.writeHead(200, ['x-one', '1', 'x-two', '2']).end('flat'),
    '/pipe': () => req.pipe(res),
    '/bad': () => {
      res.end(JSON.stringify([attempt(() => res.write(5)), attempt(() => res.write(null)), attempt(() => res.end({}))]));
    },
    '/throw': () => {
      throw new Error('thrown in the listener');
    },
  };
  (routes[pathname] ?? (() => res.writeHead(404).end('no route')))();
});
const listening = [
  attempt(() => server.listening), attempt(() => server.address()), attempt(() => server.listen(8080) === server),
  attempt(() => server.listening), attempt(() => server.address()), attempt(() => createServer().listen(8080)),
  attempt(() => createServer({}, 'x')), attempt(() => createServer('x')),
];
const handler = httpServerHandler({ port: 8080 });
export default {
  async fetch(request, env, ctx) {
    const { pathname } = new URL(request.url);
    if (pathname !== '/server') return await handler.fetch(request, env, ctx);
    const errors = [
      attempt(() => httpServerHandler({})), attempt(() => httpServerHandler()), attempt(() => httpServerHandler({ port: 'x' })),
      await handleAsNodeRequest(9999, request).catch((e) => [e.name, e.code, e.message]),
    ];
    const other = createServer((_, res) => res.end('other'));
    const implicit = await (await httpServerHandler(other).fetch(new Request('http://x/'), env, ctx)).text();
    return Response.json({
      listening, errors, implicit, methods: http.METHODS, statuses: http.STATUS_CODES[418], max: http.maxHeaderSize,
      timeouts: [server.timeout, server.keepAliveTimeout, server.headersTimeout, server.requestTimeout],
      validate: [attempt(() => http.validateHeaderName('a b')), attempt(() => http.validateHeaderValue('a', undefined))],
    });
  },
};
