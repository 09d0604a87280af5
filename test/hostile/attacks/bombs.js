// Little that becomes much: compressed, endless, nested, looping.

/** Bytes of compressed zeros, made here: about a thousandth of what they open to. */
async function bomb(megabytes, format) {
  const zlib = await import('node:zlib');
  return zlib[format](Buffer.alloc(megabytes * 1_000_000));
}

const endless = (text) => {
  const chunk = new TextEncoder().encode(text.repeat(Math.ceil(60_000 / text.length)));
  return new ReadableStream({ pull: (controller) => controller.enqueue(chunk.slice()) });
};

const at = (aim, path) => `http://127.0.0.1:${aim.allowedPort}${path}`;

export const attacks = {
  'a gzip bomb that is fetched and read ends its own request': {
    end: 'limit',
    run: ({ aim }) => fetch(at(aim, '/bomb-gzip')).then((response) => response.arrayBuffer()),
  },
  'a brotli bomb that is fetched and read ends its own request': {
    end: 'limit',
    run: ({ aim }) => fetch(at(aim, '/bomb-br')).then((response) => response.arrayBuffer()),
  },
  'a gzip bomb that is fetched and not read costs nothing': async ({ aim }) => {
    const response = await fetch(at(aim, '/bomb-gzip'));
    await response.body.cancel();
  },
  'a gzip bomb handed on to a visitor is handed on as it came': {
    end: 'answer',
    run: ({ aim }) => fetch(at(aim, '/bomb-gzip'), { headers: { 'accept-encoding': 'gzip' } }),
  },
  'a bomb in a DecompressionStream ends its own request': {
    end: 'limit',
    run: async () => {
      const small = await bomb(20, 'deflateSync');
      const kept = [];
      for (;;)
        kept.push(
          await new Response(new Response(small).body.pipeThrough(new DecompressionStream('deflate'))).arrayBuffer(),
        );
    },
  },
  'bombs in node:zlib end their own request': {
    end: 'limit',
    run: async () => {
      const zlib = await import('node:zlib');
      const small = await bomb(20, 'gzipSync');
      const kept = [];
      for (;;) kept.push(zlib.gunzipSync(small));
    },
  },
  'an endless answer that is read as text ends its own request': {
    end: 'limit',
    run: ({ aim }) => fetch(at(aim, '/endless')).then((response) => response.text()),
  },
  'an endless line of events ends its own request': {
    end: ['nothing', 'limit'],
    because: 'it depends on the machine whether the CPU budget or the longest line of events comes first',
    run: ({ aim }) =>
      new Promise((resolve) => {
        const source = new EventSource(at(aim, '/endless'));
        source.onerror = resolve;
      }),
  },
  'redirects in a circle end': async ({ aim, attempt }) => {
    await attempt('circle', () =>
      fetch(at(aim, '/302?to=/circle')).then((response) => response.status < 300 && 'arrived'),
    );
  },
  'an origin’s endless headers end in an error': async ({ aim, attempt }) => {
    await attempt('headers', () =>
      fetch(at(aim, '/endless-headers')).then((response) => [...response.headers].length > 2_000 && 'taken'),
    );
  },
  'an endless form ends its own request': {
    end: 'limit',
    run: () => {
      const body = endless('--x\r\ncontent-disposition: form-data; name="a"\r\n\r\nb\r\n');
      return new Response(body, { headers: { 'content-type': 'multipart/form-data; boundary=x' } }).formData();
    },
  },
  'an endless JSON text ends its own request': { end: 'limit', run: () => new Response(endless('[')).json() },
  'a page that is one endless tag ends its own request': {
    end: 'limit',
    run: () =>
      new HTMLRewriter()
        .on('a', { element() {} })
        .transform(new Response(endless('<a b=')))
        .text(),
  },
  'a sparse array of four billion places is no memory': async ({ ctx }) => {
    const list = [];
    list[4_294_967_294] = 1;
    await ctx.exports.Echo.echo(list).catch(() => {});
  },
  'XML-like doubling of strings ends its own request': {
    end: 'exception',
    run: () => {
      let text = 'lol';
      for (let turn = 0; turn < 60; turn++) text += text;
      return new Response(text.split('').join(' '));
    },
  },
};
