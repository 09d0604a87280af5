// Reach what is not public: this machine, its network, the cloud's metadata; by every API, spelling, redirect and name.

/** Ways to a port of 127.0.0.1. Each is tried against a port that is allowed, too, and must arrive there. */
const WAYS = {
  'fetch()': (at) => fetch(`http://${at}/`).then((response) => response.text()),
  'fetch() of a Request': (at) => fetch(new Request(`http://${at}/`)).then((response) => response.text()),
  'fetch() of a URL object': (at) => fetch(new URL(`http://${at}/`)).then((response) => response.text()),
  'a POST with a stream as body': async (at) => {
    const { readable, writable } = new IdentityTransformStream();
    const writer = writable.getWriter();
    const sent = writer.write(new Uint8Array(10)).then(() => writer.close());
    const answer = await fetch(`http://${at}/`, { method: 'POST', body: readable }).then((response) => response.text());
    await sent;
    return answer;
  },
  'fetch() with credentials in the URL’s place of a host': (at) =>
    fetch(new Request(`http://${at}/`, { headers: { host: 'example.com' } })).then((response) => response.text()),
  'fetch() with Upgrade': (at) =>
    fetch(`http://${at}/`, { headers: { upgrade: 'websocket' } }).then((response) => response.text()),
  'an EventSource': (at) =>
    new Promise((resolve, reject) => {
      const source = new EventSource(`http://${at}/events`);
      source.onmessage = (event) => {
        source.close();
        resolve(event.data);
      };
      source.onerror = () => {
        source.close();
        reject(new Error('refused'));
      };
    }),
  'connect() of cloudflare:sockets': async (at) => {
    const { connect } = await import('cloudflare:sockets');
    return await httpOver(connect(at));
  },
  'connect() with an object and half-open': async (at) => {
    const { connect } = await import('cloudflare:sockets');
    const [hostname, port] = at.split(':');
    return await httpOver(connect({ hostname, port: Number(port) }, { allowHalfOpen: true, secureTransport: 'off' }));
  },
  'node:net': async (at) => {
    const { connect } = await import('node:net');
    const [host, port] = at.split(':');
    return await readNode(connect({ host, port: Number(port) }));
  },
  'node:http': async (at) => {
    const http = await import('node:http');
    return await new Promise((resolve, reject) => {
      http
        .get(`http://${at}/`, (response) => {
          let text = '';
          response.on('data', (chunk) => (text += chunk)).on('end', () => resolve(text));
          response.on('error', reject);
        })
        .on('error', reject);
    });
  },
  'an Agent of node:http with a host of its own': async (at) => {
    const http = await import('node:http');
    const [hostname, port] = at.split(':');
    return await new Promise((resolve, reject) => {
      http
        .request(
          { hostname, port, path: '/', headers: { host: 'example.com' }, agent: new http.Agent() },
          (response) => {
            let text = '';
            response.on('data', (chunk) => (text += chunk)).on('end', () => resolve(text));
          },
        )
        .on('error', reject)
        .end();
    });
  },
};

async function httpOver(socket) {
  const writer = socket.writable.getWriter();
  await writer.write(new TextEncoder().encode('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'));
  const { value } = await socket.readable.getReader().read();
  return new TextDecoder().decode(value).split('\r\n\r\n')[1] === '' ? 'reached' : new TextDecoder().decode(value);
}

function readNode(socket) {
  return new Promise((resolve, reject) => {
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk;
      socket.end();
    });
    socket.on('end', () => resolve(text));
    socket.on('error', reject);
    socket.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
  });
}

/** Ways that have no good end to compare with on a plain HTTP port; a connection alone would be seen outside. */
const BLIND = {
  'new WebSocket()': (at) =>
    new Promise((resolve, reject) => {
      const socket = new WebSocket(`ws://${at}/`);
      socket.addEventListener('open', () => resolve('open'));
      socket.addEventListener('error', () => reject(new Error('refused')));
    }),
  https: (at) => fetch(`https://${at}/`).then((response) => response.text()),
  'connect() with TLS': async (at) => {
    const { connect } = await import('cloudflare:sockets');
    await connect(at, { secureTransport: 'on' }).opened;
    return 'open';
  },
  'connect() and startTls() with another expected host': async (at) => {
    const { connect } = await import('cloudflare:sockets');
    const socket = connect(at, { secureTransport: 'starttls' }).startTls({ expectedServerHostname: 'example.com' });
    await socket.opened;
    return 'open';
  },
  'node:tls': async (at) => {
    const tls = await import('node:tls');
    const [host, port] = at.split(':');
    return await readNode(tls.connect({ host, port: Number(port), rejectUnauthorized: false }));
  },
  'node:https': async (at) => {
    const https = await import('node:https');
    return await new Promise((resolve, reject) => {
      https
        .get(`https://${at}/`, { rejectUnauthorized: false }, (response) => resolve(response.statusCode))
        .on('error', reject);
    });
  },
  'node:dgram': async (at) => {
    const dgram = await import('node:dgram');
    const [host, port] = at.split(':');
    const socket = dgram.createSocket('udp4');
    await new Promise((resolve, reject) =>
      socket.send('x', Number(port), host, (error) => (error ? reject(error) : resolve())),
    );
  },
  'navigator.sendBeacon()': (at) => {
    navigator.sendBeacon(`http://${at}/`, 'x');
  },
  'a listener of its own in node:net': async () => {
    const net = await import('node:net');
    return await new Promise((resolve, reject) => {
      const server = net.createServer();
      server.on('error', reject).listen(0, '127.0.0.1', () => resolve(JSON.stringify(server.address())));
    });
  },
};

/** Spellings of the machine's own addresses; PORT stands for the port. */
const SPELLINGS = {
  localhost: 'http://localhost:PORT/',
  'localhost with a dot at its end': 'http://localhost.:PORT/',
  'a name below localhost': 'http://a.localhost:PORT/',
  capitals: 'http://LOCALHOST:PORT/',
  'one decimal number': 'http://2130706433:PORT/',
  'a hexadecimal number': 'http://0x7f000001:PORT/',
  'an octal number': 'http://017700000001:PORT/',
  'mixed octal and hexadecimal parts': 'http://0177.0x0.0.01:PORT/',
  'two parts': 'http://127.1:PORT/',
  'the whole of 127.0.0.0/8': 'http://127.255.255.254:PORT/',
  'the unspecified address': 'http://0.0.0.0:PORT/',
  zero: 'http://0:PORT/',
  'IPv6 loopback': 'http://[::1]:PORT/',
  'IPv6 loopback written out': 'http://[0000:0000:0000:0000:0000:0000:0000:0001]:PORT/',
  'the unspecified address of IPv6': 'http://[::]:PORT/',
  'an IPv4 address mapped into IPv6': 'http://[::ffff:127.0.0.1]:PORT/',
  'a mapped address in hexadecimal': 'http://[::ffff:7f00:1]:PORT/',
  'an IPv4-compatible address of IPv6': 'http://[::127.0.0.1]:PORT/',
  'a NAT64 address': 'http://[64:ff9b::127.0.0.1]:PORT/',
  'a 6to4 address': 'http://[2002:7f00:1::]:PORT/',
  'a Teredo address': 'http://[2001:0:7f00:1::80ff:fffe]:PORT/',
  'a site-local address': 'http://[fec0::1]:PORT/',
  'a link-local address with a zone': 'http://[fe80::1%25lo]:PORT/',
  'full-width digits': 'http://１２７.０.０.１:PORT/',
  'circled digits': 'http://①②⑦.⓪.⓪.①:PORT/',
  'ideographic full stops': 'http://127。0。0。1:PORT/',
  'percent-encoded digits': 'http://%31%32%37.0.0.1:PORT/',
  'user information before it': 'http://example.com@127.0.0.1:PORT/',
  'user information with an encoded slash': 'http://example.com%2f@127.0.0.1:PORT/',
  'a backslash': 'http:\\\\127.0.0.1:PORT/',
  'a tab and a line feed inside': 'ht\ttp://127.0.\n0.1:PORT/',
  'a soft hyphen': 'http://127.0.0.\u00ad1:PORT/',
};

/** Answers of a server that is allowed, which send on to what is not. */
const REDIRECTS = {
  'a 302 to loopback': '/302?to=http://127.0.0.1:PORT/',
  'a 307 that keeps the method': '/307?to=http://127.0.0.1:PORT/',
  'a redirect to the name localhost': '/301?to=http://localhost:PORT/',
  'a redirect to a number': '/303?to=http://2130706433:PORT/',
  'a redirect to IPv6 loopback': '/308?to=http://[::1]:PORT/',
  'a redirect without a scheme': '/302?to=//127.0.0.1:PORT/',
  'a redirect to a file': '/302?to=file:///etc/passwd',
  'a redirect to data': '/302?to=data:text/plain,reached',
  'two redirects in a row': '/302?to=/307%3Fto=http://127.0.0.1:PORT/',
};

const METADATA = {
  'link-local metadata of most clouds': 'http://169.254.169.254/latest/meta-data/',
  'metadata in IPv6': 'http://[fd00:ec2::254]/latest/meta-data/',
  'metadata mapped into IPv6': 'http://[::ffff:169.254.169.254]/latest/meta-data/',
  'metadata as a number': 'http://2852039166/latest/meta-data/',
  'metadata of another cloud, by name': 'http://metadata.google.internal/computeMetadata/v1/',
  'metadata in the shared address space': 'http://100.100.100.200/latest/meta-data/',
  'the tasks’ credentials of a container': 'http://169.254.170.2/v2/credentials',
};

const PRIVATE = [
  '10.0.0.1',
  '172.16.0.1',
  '172.31.255.255',
  '192.168.0.1',
  '192.168.1.1',
  '100.64.0.1',
  '198.18.0.1',
  '224.0.0.1',
  '255.255.255.255',
  '[fc00::1]',
  '[fd12:3456::1]',
  '[ff02::1]',
  '[fe80::1]',
  '192.0.2.1',
  '240.0.0.1',
];

const answered = async (url, init) => {
  const response = await fetch(url, init);
  return `${response.status} ${(await response.text()).slice(0, 100)}`;
};

export const attacks = {};

for (const [what, go] of Object.entries(WAYS)) {
  attacks[`${what} does not reach a port of this machine`] = {
    control: true,
    run: ({ aim, attempt }) => attempt(what, () => go(`127.0.0.1:${aim.port}`)),
  };
}
for (const [what, go] of Object.entries(BLIND)) {
  attacks[`${what} does not reach a port of this machine`] = ({ aim, attempt }) =>
    attempt(what, () => go(`127.0.0.1:${aim.port}`));
}
for (const [what, url] of Object.entries(SPELLINGS)) {
  attacks[`this machine spelled with ${what} is not reached by fetch(), sockets or WebSockets`] = async ({
    aim,
    attempt,
  }) => {
    const { connect } = await import('cloudflare:sockets');
    const target = url.replace('PORT', aim.port);
    await attempt('fetch', () => answered(target));
    await attempt('WebSocket', () =>
      BLIND['new WebSocket()'](target.replace(/^ht\t?tp:(\/\/|\\\\)/, '').replace(/\/$/, '')),
    );
    await attempt('connect', async () => {
      await connect(target.replace(/^ht\t?tp:(\/\/|\\\\)/, '').replace(/\/$/, '')).opened;
      return 'open';
    });
  };
}
for (const [what, path] of Object.entries(REDIRECTS)) {
  attacks[`${what} is not followed`] = async ({ aim, attempt }) => {
    await attempt('GET', () => answered(`http://127.0.0.1:${aim.allowedPort}${path}`));
    await attempt('POST', () => answered(`http://127.0.0.1:${aim.allowedPort}${path}`, { method: 'POST', body: 'x' }));
  };
}
for (const [what, url] of Object.entries(METADATA)) {
  attacks[`${what} is not reached`] = async ({ aim, attempt }) => {
    await attempt('fetch', () => answered(url, { headers: { 'metadata-flavor': 'Google' } }));
    await attempt('redirect', () => answered(`http://127.0.0.1:${aim.allowedPort}/302?to=${encodeURIComponent(url)}`));
  };
}
attacks['no private or special network is reached, and the refusal comes at once'] = async ({ attempt, attempts }) => {
  const started = Date.now();
  await Promise.all(PRIVATE.map((host) => attempt(host, () => answered(`http://${host}/`))));
  if (Date.now() - started > 3_000) attempts.got.push('a wait: something was dialled');
};
attacks['the machine’s own address in its network is not reached'] = ({ aim, attempt }) =>
  attempt('own address', () => answered(`http://${aim.ownAddress}:${aim.port}/`));
attacks['the control API and the gateway are not reached from inside, with any Host'] = async ({ aim, attempt }) => {
  for (const port of [aim.apiPort, aim.gatewayPort]) {
    await attempt(`port ${port}`, () => answered(`http://127.0.0.1:${port}/readyz`));
    await attempt(`port ${port}, localhost`, () =>
      answered(`http://localhost:${port}/`, { headers: { host: `neighbour.dev.localhost:${port}` } }),
    );
  }
};
attacks['a name whose addresses change between judgement and connection is judged at the connection'] = async ({
  aim,
  attempt,
}) => {
  for (const name of ['localtest.me', '127.0.0.1.nip.io', 'localhost.localdomain', 'ip6-localhost', 'ip6-loopback'])
    for (let turn = 0; turn < 3; turn++) await attempt(name, () => answered(`http://${name}:${aim.port}/`));
};
attacks['ports of mail, and no port at all, are refused to sockets'] = async ({ attempt }) => {
  const { connect } = await import('cloudflare:sockets');
  for (const at of [
    'example.com:25',
    '8.8.8.8:25',
    'example.com:0',
    'example.com:65536',
    'example.com:-1',
    'example.com',
  ])
    await attempt(at, async () => {
      await connect(at).opened;
      return 'open';
    });
};
attacks['node:dns does not ask the machine’s resolver for names of its own network'] = async ({ attempt }) => {
  const dns = await import('node:dns/promises');
  for (const name of ['localhost', 'metadata.google.internal', 'kubernetes.default.svc', 'broker.local'])
    await attempt(name, () =>
      Promise.race([dns.resolve4(name), new Promise((_, reject) => setTimeout(reject, 1_000))]),
    );
};
attacks['an import leads to no server, file or data'] = async ({ aim, attempt }) => {
  for (const specifier of [
    `http://127.0.0.1:${aim.port}/x.js`,
    `https://127.0.0.1:${aim.port}/x.js`,
    'file:///etc/passwd',
    'data:text/javascript,export default 1',
    'npm:is-odd',
    'jsr:@std/fs',
    'blob:null/x',
  ])
    await attempt(specifier, async () => typeof (await import(specifier)));
};
attacks['the cache does not fetch for who asks it'] = async ({ aim, attempt }) => {
  await attempt('match', async () => (await caches.default.match(`http://127.0.0.1:${aim.port}/`))?.status);
  await attempt('add', async () => {
    await caches.default.add?.(`http://127.0.0.1:${aim.port}/`);
  });
};
