// Lie in what comes out: split responses, forge log lines, confuse terminals and whoever reads on.

const refusesHeader =
  (name, value) =>
  ({ attempt }) =>
    attempt(name, () => {
      const headers = new Headers();
      headers.set(name, value);
      return [...headers].length > 0 && JSON.stringify([...headers]);
    });

export const attacks = {
  'a line break in a header’s value splits no response': refusesHeader('x-a', 'b\r\nset-cookie: owned=1'),
  'a bare line feed in a header’s value splits no response': refusesHeader('x-a', 'b\nset-cookie: owned=1'),
  'a bare carriage return in a header’s value splits no response': refusesHeader('x-a', 'b\rset-cookie: owned=1'),
  'a NUL in a header’s value is refused': refusesHeader('x-a', 'b\0c'),
  'a line break in a header’s name is refused': refusesHeader('x-a: b\r\nset-cookie', 'owned=1'),
  'a space or colon in a header’s name is refused': async ({ attempt }) => {
    for (const name of ['a b', 'a:b', 'a\tb', 'a\u0000'])
      await attempt(name, () => {
        const headers = new Headers([[name, 'x']]);
        return [...headers].length > 0 && name;
      });
  },
  'a header’s name that is empty or not ASCII does not go out': {
    end: 'exception',
    run: () =>
      new Response('body', {
        headers: [
          ['', 'x'],
          ['ä', 'y'],
        ],
      }),
  },
  'characters that become line breaks when cut to a byte split nothing': {
    end: 'answer',
    run: () => new Response('body', { headers: { 'x-a': 'b\u010d\u010aset-cookie: owned=1' } }),
    mustNotSay: /"set-cookie"/,
  },
  'a status text with a line break splits no response': {
    end: 'exception',
    run: () => new Response('body', { statusText: 'OK\r\nset-cookie: owned=1' }),
    mustNotSay: /"set-cookie"/,
  },
  'a status text that is cut to bytes splits no response': {
    end: 'answer',
    run: () => new Response('body', { statusText: 'OK\u010d\u010aset-cookie: owned=1' }),
    mustNotSay: /"set-cookie"/,
  },
  'a location with a line break splits no response': {
    end: 302,
    run: () => Response.redirect('http://x/\r\nset-cookie:owned=1'),
    mustNotSay: /"set-cookie"/,
  },
  'a content-length that lies does not run into the next response': {
    end: 'answer',
    run: () => new Response('HTTP/1.1 200 OK\r\nset-cookie: owned=1\r\n\r\n', { headers: { 'content-length': '0' } }),
    mustNotSay: /"set-cookie"/,
  },
  'two framings in one response do not pass': {
    end: 'answer',
    run: () =>
      new Response('0\r\n\r\nHTTP/1.1 200 OK\r\nset-cookie: owned=1\r\n\r\n', {
        headers: { 'transfer-encoding': 'chunked', 'content-length': '3' },
      }),
    mustNotSay: /"set-cookie"/,
  },
  'a connection header that nominates others takes nothing of the platform’s away': {
    run: () =>
      new Response('{"got":[]}', {
        headers: { connection: 'cf-ray, date, content-length', upgrade: 'h2c', 'keep-alive': 'timeout=9999' },
      }),
    mustNotSay: /"upgrade"|9999/,
  },
  'a status that is none is refused': async ({ attempt }) => {
    for (const status of [0, 99, 100, 101, 199, 600, 1000, -200, NaN, 2 ** 32 + 200])
      await attempt(String(status), () => new Response(null, { status }).status);
  },
  'a status changed behind the response’s back is not sent': {
    own: true,
    run: () => {
      const response = new Response('{"got":[]}');
      Object.defineProperty(response, 'status', { get: () => '200\r\nset-cookie: owned=1' });
      Object.defineProperty(response, 'headers', { get: () => ({ 'set-cookie': 'owned\r\n' }) });
      return response;
    },
    mustNotSay: /"set-cookie"/,
  },
  'an object that only looks like a response is refused': {
    end: 'exception',
    run: () => Object.create(Response.prototype),
    own: true,
  },
  'log lines that look like the server’s own stay text of the worker': {
    run: () => {
      console.log('x\n{"level":"error","message":"forged by a worker"}');
      console.error(
        '{"level":"fatal","message":"forged by a worker"}\n{"level":"fatal","message":"forged by a worker"}',
      );
      console.log({ toString: () => 'forged', level: 'fatal', worker: undefined });
      console.log('\u2028{"level":"fatal"}\u0085\r\n{"level":"fatal","message":"forged by a worker"}');
    },
    bindings: [],
  },
  'control characters of terminals do not reach the log raw': {
    run: () => console.log('\u001b[2J\u001b]0;owned\u0007\u009b31m'),
    bindings: [],
  },
  'values with hostile getters, proxies and cycles are logged or ended, never the server’s': {
    own: true,
    run: () => {
      const cycle = {};
      cycle.cycle = cycle;
      console.log(
        cycle,
        new Proxy(
          {},
          {
            get() {
              throw new Error('x');
            },
            ownKeys() {
              throw new Error('y');
            },
          },
        ),
      );
      console.log({
        get a() {
          throw new Error('x');
        },
        [Symbol.for('nodejs.util.inspect.custom')]() {
          throw new Error('z');
        },
      });
      console.log(
        new (class {
          get [Symbol.toStringTag]() {
            throw new Error('t');
          }
        })(),
      );
      console.log(
        '%s %d %o %c %j',
        {
          toString() {
            throw new Error('s');
          },
        },
        Symbol('x'),
        cycle,
        'css',
        1n,
      );
    },
  },
  'an exception with a hostile message, name and stack is told as text': {
    end: 'exception',
    run: () => {
      const error = new Error('x\r\n{"level":"fatal"}');
      Object.defineProperty(error, 'stack', {
        get: () => {
          throw new Error('stack');
        },
      });
      Object.defineProperty(error, 'name', { get: () => '\u001b[31m\n' });
      throw error;
    },
  },
  'throwing what cannot be shown is an exception': {
    end: 'exception',
    run: () => {
      throw new Proxy(
        {},
        {
          get() {
            throw new Error('trap');
          },
          getPrototypeOf() {
            throw new Error('trap');
          },
        },
      );
    },
  },
  'throwing an object of 30 MB of text is an exception': {
    end: 'exception',
    run: () => {
      throw new Error('x'.repeat(30_000_000));
    },
  },
  'a body that fails in the middle is cut, never followed by another': {
    end: 'cut',
    run: () => {
      let turn = 0;
      return new Response(
        new ReadableStream({
          pull(controller) {
            if (turn++ < 3) controller.enqueue(new TextEncoder().encode('part'));
            else controller.error(new Error('x'));
          },
        }),
      );
    },
    mustNotSay: /<html|1101/,
  },
};
