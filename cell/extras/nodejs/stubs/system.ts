/** The machine: `os`, sockets, HTTP/2, a database file. */
import { numbers, OS_DLOPEN, OS_ERRNO, OS_PRIORITY, OS_SIGNALS } from '../constants.ts';
import { denoNode, type Exports } from '../deno-node.ts';
import { shaped } from '../errors.ts';
import {
  bare,
  type Callback,
  emitterClass,
  refusing,
  requireInteger,
  requireObject,
  returning,
  stubClass,
} from './stub.ts';

export function os(): Exports {
  return {
    EOL: '\n',
    arch: returning('arch', 'x64'),
    availableParallelism: returning('availableParallelism', 1),
    constants: bare({
      UV_UDP_REUSEADDR: 4,
      dlopen: bare(numbers(OS_DLOPEN)),
      errno: bare(numbers(OS_ERRNO)),
      signals: bare(numbers(OS_SIGNALS)),
      priority: bare(numbers(OS_PRIORITY)),
    }),
    cpus: () => [],
    devNull: '/dev/null',
    endianness: returning('endianness', 'LE'),
    freemem: returning('freemem', 0),
    getPriority: shaped(
      (pid: unknown = 0) => {
        requireInteger('pid', pid);
        return 0;
      },
      'getPriority',
      1,
    ),
    homedir: returning('homedir', '/tmp/'),
    hostname: returning('hostname', 'localhost'),
    loadavg: () => [0, 0, 0],
    machine: returning('machine', 'x86_64'),
    networkInterfaces: () => ({}),
    platform: returning('platform', 'linux'),
    release: returning('release', ''),
    setPriority: shaped(
      (pid: unknown, priority: unknown) => {
        requireInteger('pid', pid);
        requireInteger('priority', priority);
      },
      'setPriority',
      2,
    ),
    tmpdir: returning('tmpdir', '/tmp/'),
    totalmem: returning('totalmem', 0),
    type: returning('type', 'Linux'),
    uptime: returning('uptime', 0),
    userInfo: () => ({}),
    version: returning('version', ''),
  };
}

export function dgram(): Exports {
  const EventEmitter = emitterClass() as new () => object;
  const methods =
    'bind connect disconnect sendto send close address remoteAddress setBroadcast setTTL setMulticastTTL setMulticastLoopback ' +
    'setMulticastInterface addMembership dropMembership addSourceSpecificMembership dropSourceSpecificMembership ref unref ' +
    'setRecvBufferSize setSendBufferSize getRecvBufferSize getSendBufferSize getSendQueueSize getSendQueueCount';
  const parent = class extends EventEmitter {};
  const Socket = stubClass('Socket', methods, { parent }) as new () => object;
  const open = (type: unknown): object => {
    const options = typeof type === 'string' ? { type } : type;
    requireObject('type', options);
    return new Socket();
  };
  const callable = shaped(
    function (type: unknown) {
      return open(type);
    } as Callback,
    'Socket',
    2,
  );
  Object.defineProperty(callable, 'prototype', { value: Socket.prototype });
  return { Socket: callable, createSocket: shaped(open, 'createSocket', 2) };
}

export function http2(): Exports {
  const { Buffer } = denoNode('buffer') as { Buffer: { alloc(size: number): unknown } };
  return {
    Http2ServerRequest: stubClass('Http2ServerRequest', '', { refuse: 'http2.Http2ServerRequest' }),
    Http2ServerResponse: stubClass('Http2ServerResponse', '', { refuse: 'http2.Http2ServerResponse' }),
    ...refusing('http2.', { connect: 0, createSecureServer: 0, createServer: 0, performServerHandshake: 0 }),
    constants: denoNode('http2').constants,
    getDefaultSettings: () => ({}),
    getPackedSettings: () => Buffer.alloc(0),
    getUnpackedSettings: () => ({}),
    sensitiveHeaders: Symbol('nodejs.http2.sensitiveHeaders'),
  };
}

export function sqlite(): Exports {
  const illegal = (name: string) =>
    shaped(
      function () {
        throw new TypeError('Illegal constructor');
      } as Callback,
      name,
      0,
    );
  return {
    DatabaseSync: illegal('DatabaseSync'),
    StatementSync: illegal('StatementSync'),
    backup: shaped(
      () => {
        throw new Error('backup is not implemented');
      },
      'backup',
      0,
    ),
    constants: denoNode('sqlite').constants,
  };
}

/** `_stream_wrap`: a default export and nothing else. */
export function streamWrap(): { names: Exports; defaultExport: unknown } {
  return { names: {}, defaultExport: stubClass('JSStreamSocket', '', { refuse: 'JSStreamSocket' }) };
}
