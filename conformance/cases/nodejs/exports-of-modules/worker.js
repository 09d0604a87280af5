const modules = 'assert assert/strict async_hooks buffer child_process cluster constants crypto dgram diagnostics_channel domain events fs fs/promises http http2 https inspector module os path path/posix path/win32 perf_hooks process punycode querystring readline readline/promises repl sqlite stream stream/consumers stream/promises stream/web string_decoder sys timers timers/promises trace_events tty url util util/types v8 vm wasi worker_threads zlib _stream_wrap _http_agent _http_server'.split(' ');
export default {
  async fetch(request) {
    const names = new URL(request.url).searchParams.get('only').split(',');
    const out = {};
    for (const name of names.map((index) => modules[index])) {
      if (name === undefined) continue;
      const namespace = await import(`node:${name}`);
      out[name] = [Object.keys(namespace).sort().join(' '), typeof namespace.default];
    }
    return Response.json(out);
  },
};
