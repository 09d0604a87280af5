// Poison what the language shares: the platform's own code in the cell must neither trip over it nor hand anything out through it.

/** Patches, asks the platform for its ordinary services, undoes nothing. `seen` is what the patch was given. */
const POISONS = {
  'Object.prototype': (take) => {
    for (const key of [
      'get',
      'set',
      'value',
      'then',
      'status',
      'headers',
      'cache',
      'url',
      'method',
      'binding',
      'invocation',
      'upgrade',
      'client',
      'permissions',
      'path',
      'transport',
      'hostname',
      'signal',
      'body',
    ])
      Object.defineProperty(Object.prototype, key, {
        configurable: true,
        get() {
          take(this);
          return undefined;
        },
        set(value) {
          Object.defineProperty(this, key, { value, writable: true, configurable: true, enumerable: true });
        },
      });
  },
  'Array.prototype and its iterator': (take) => {
    for (const key of [
      'push',
      'map',
      'filter',
      'join',
      'slice',
      'concat',
      'includes',
      'indexOf',
      'forEach',
      'shift',
      'splice',
      Symbol.iterator,
    ]) {
      const original = Array.prototype[key];
      Array.prototype[key] = function (...given) {
        take(this);
        take(...given);
        return original.apply(this, given);
      };
    }
    const iterator = Object.getPrototypeOf([][Symbol.iterator]());
    const { next } = iterator;
    iterator.next = function () {
      const step = next.call(this);
      take(step.value);
      return step;
    };
  },
  'setters for every index of arrays': (take) => {
    for (let index = 0; index < 20; index++)
      Object.defineProperty(Array.prototype, index, {
        configurable: true,
        get() {
          return undefined;
        },
        set(value) {
          take(value);
          Object.defineProperty(this, index, { value, writable: true, configurable: true, enumerable: true });
        },
      });
  },
  'Function.prototype.call, apply and bind': (take) => {
    for (const key of ['call', 'apply', 'bind']) {
      const original = Function.prototype[key];
      const { apply } = Reflect;
      Function.prototype[key] = function (...given) {
        take(this, ...given);
        return apply(original, this, given);
      };
    }
  },
  'Promise.prototype.then and the species of promises': (take) => {
    const { then } = Promise.prototype;
    Promise.prototype.then = function (...given) {
      take(this, ...given);
      return then.apply(
        this,
        given.map((callback) =>
          typeof callback === 'function'
            ? (value) => {
                take(value);
                return callback(value);
              }
            : callback,
        ),
      );
    };
    Object.defineProperty(Promise, Symbol.species, {
      get() {
        take(this);
        return Promise;
      },
    });
    Object.defineProperty(Promise.prototype, 'constructor', {
      get() {
        take(this);
        return Promise;
      },
    });
  },
  'Map, Set and WeakMap': (take) => {
    for (const { prototype } of [Map, Set, WeakMap, WeakSet])
      for (const key of ['get', 'set', 'has', 'add', 'delete']) {
        const original = prototype[key];
        if (original)
          prototype[key] = function (...given) {
            take(this, ...given);
            return original.apply(this, given);
          };
      }
  },
  JSON: (take) => {
    const { stringify, parse } = JSON;
    JSON.stringify = (...given) => {
      take(...given);
      return stringify(...given);
    };
    JSON.parse = (...given) => {
      take(...given);
      return parse(...given);
    };
    Object.prototype.toJSON = function () {
      take(this);
      return this;
    };
  },
  'String, RegExp and their symbols': (take) => {
    for (const key of ['split', 'replace', 'startsWith', 'slice', 'charCodeAt', 'toLowerCase', 'match', 'trim']) {
      const original = String.prototype[key];
      String.prototype[key] = function (...given) {
        take(this, ...given);
        return original.apply(this, given);
      };
    }
    const { exec } = RegExp.prototype;
    RegExp.prototype.exec = function (text) {
      take(this, text);
      return exec.call(this, text);
    };
  },
  'typed arrays and buffers': (take) => {
    const { prototype } = Object.getPrototypeOf(Uint8Array);
    for (const key of ['set', 'subarray', 'slice', 'fill']) {
      const original = prototype[key];
      prototype[key] = function (...given) {
        take(this, this.buffer, ...given);
        return original.apply(this, given);
      };
    }
    Object.defineProperty(Uint8Array, Symbol.species, {
      get() {
        take(this);
        return Uint8Array;
      },
    });
    for (const key of ['getUint32', 'setUint32', 'getUint8', 'setUint8']) {
      const original = DataView.prototype[key];
      DataView.prototype[key] = function (...given) {
        take(this.buffer, ...given);
        return original.apply(this, given);
      };
    }
  },
  'text encoders and decoders': (take) => {
    for (const [{ prototype }, keys] of [
      [TextEncoder, ['encode', 'encodeInto']],
      [TextDecoder, ['decode']],
    ])
      for (const key of keys) {
        const original = prototype[key];
        prototype[key] = function (...given) {
          take(...given);
          return original.apply(this, given);
        };
      }
  },
  'streams and their readers': (take) => {
    for (const [{ prototype }, keys] of [
      [ReadableStream, ['getReader', 'pipeTo', 'pipeThrough', 'tee', 'cancel', Symbol.asyncIterator]],
      [WritableStream, ['getWriter', 'abort', 'close']],
      [ReadableStreamDefaultReader, ['read', 'releaseLock', 'cancel']],
      [WritableStreamDefaultWriter, ['write', 'close', 'abort']],
    ])
      for (const key of keys) {
        const original = prototype[key];
        if (original)
          prototype[key] = function (...given) {
            take(this, ...given);
            return original.apply(this, given);
          };
      }
  },
  'Headers, Request and Response': (take) => {
    for (const { prototype } of [Headers, Request, Response])
      for (const key of Object.getOwnPropertyNames(prototype)) {
        const descriptor = Object.getOwnPropertyDescriptor(prototype, key);
        if (key === 'constructor' || !descriptor.configurable) continue;
        for (const part of ['get', 'value']) {
          const original = descriptor[part];
          if (typeof original === 'function')
            descriptor[part] = function (...given) {
              take(this, ...given);
              return original.apply(this, given);
            };
        }
        Object.defineProperty(prototype, key, descriptor);
      }
    globalThis.Response = class extends Response {};
    globalThis.Headers = null;
  },
  'Reflect, Object and Symbol themselves': (take) => {
    for (const key of ['apply', 'construct', 'get', 'ownKeys', 'defineProperty']) {
      const original = Reflect[key];
      Reflect[key] = (...given) => {
        take(...given);
        return original(...given);
      };
    }
    for (const key of [
      'defineProperty',
      'create',
      'keys',
      'entries',
      'freeze',
      'assign',
      'getOwnPropertyDescriptor',
      'setPrototypeOf',
    ]) {
      const original = Object[key];
      Object[key] = (...given) => {
        take(...given);
        return original(...given);
      };
    }
    Object.defineProperty(Object.prototype, Symbol.toPrimitive, {
      configurable: true,
      get() {
        take(this);
        return undefined;
      },
    });
    Object.defineProperty(Object.prototype, Symbol.toStringTag, {
      configurable: true,
      get() {
        take(this);
        return undefined;
      },
    });
  },
  'events, signals and timers': (take) => {
    for (const key of ['addEventListener', 'dispatchEvent', 'removeEventListener']) {
      const original = EventTarget.prototype[key];
      EventTarget.prototype[key] = function (...given) {
        take(this, ...given);
        return original.apply(this, given);
      };
    }
    for (const key of ['setTimeout', 'queueMicrotask', 'clearTimeout', 'structuredClone', 'fetch']) {
      const original = globalThis[key];
      globalThis[key] = (...given) => {
        take(...given);
        return original(...given);
      };
    }
  },
  'errors and their stacks': (take) => {
    Error.prepareStackTrace = (error, sites) => {
      take(error);
      for (const site of sites) take(site.getThis?.(), site.getFunction?.());
      return 'x';
    };
    Error.captureStackTrace = (...given) => take(...given);
    Error.stackTraceLimit = Infinity;
    Object.defineProperty(Error.prototype, 'message', {
      get() {
        take(this);
        return 'owned';
      },
      set(value) {
        take(value);
      },
      configurable: true,
    });
    Object.defineProperty(Error, Symbol.hasInstance, {
      value: (value) => {
        take(value);
        return true;
      },
    });
  },
};

const FORBIDDEN = /^(Deno|dlopen|permissions|execPath|nonce|broker|channel|handover)$/;
const IS_HARNESS = (value) => {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null)
    return typeof value === 'string' && /x-skep-|broker\.sock|in\.sock/.test(value) && value;
  for (const key of Reflect.ownKeys(value)) if (FORBIDDEN.test(String(key))) return String(key);
  return undefined;
};

/** The platform's ordinary services. */
async function useThePlatform({ request, ctx, aim }) {
  const quietly = async (run) => {
    try {
      await run();
    } catch {
      // What the poison breaks is the worker's own.
    }
  };
  await quietly(() => request.text());
  await quietly(() => [...request.headers].length);
  await quietly(() =>
    fetch(`http://127.0.0.1:${aim.allowedPort}/`, { headers: { a: 'b' } }).then((response) => response.text()),
  );
  await quietly(() => fetch(`http://127.0.0.1:${aim.port}/`, { method: 'POST', body: 'x' }));
  await quietly(() =>
    caches.default.put('http://x/poison', new Response('x', { headers: { 'cache-control': 'max-age=9' } })),
  );
  await quietly(() => caches.default.match('http://x/poison').then((response) => response.text()));
  await quietly(() => ctx.waitUntil(Promise.resolve(1)));
  await quietly(() => console.log({ a: [1, new Map([[1, 2]])] }, new Error('x')));
  await quietly(() => structuredClone({ a: [new Date()] }));
  await quietly(() => crypto.subtle.digest('SHA-256', new Uint8Array(4)));
  await quietly(() => new URL('http://a/?b=c').searchParams.get('b'));
  await quietly(() => new Promise((resolve) => setTimeout(resolve, 1)));
  await quietly(() => import('node:path'));
  await quietly(() =>
    new HTMLRewriter()
      .on('a', { element: (element) => element.remove() })
      .transform(new Response('<a>x</a>'))
      .text(),
  );
  await quietly(() => new Response(new Blob(['x']).stream().pipeThrough(new CompressionStream('gzip'))).arrayBuffer());
}

export const attacks = {};

/** What the worker's own code comes to in a world that it has poisoned; in the others it goes on. */
const OWN_LOSS = {
  'Object.prototype': 'exception',
  'Array.prototype and its iterator': 'exception',
  'Function.prototype.call, apply and bind': 'limit',
};

for (const [what, poison] of Object.entries(POISONS)) {
  attacks[`poisoned ${what} see nothing of the harness`] = {
    own: true,
    end: OWN_LOSS[what] ?? 'nothing',
    request: { method: 'POST', body: 'visitor' },
    run: async (given) => {
      const { Response: RealResponse } = globalThis;
      const { stringify } = JSON;
      const { apply } = Reflect;
      const exec = RegExp.prototype.exec;
      const found = [];
      let isLooking = false;
      void exec;
      void apply;
      poison((...values) => {
        if (isLooking) return;
        isLooking = true;
        for (let index = 0; index < values.length; index++) {
          const seen = IS_HARNESS(values[index]);
          if (seen) found[found.length] = String(seen);
        }
        isLooking = false;
      });
      await useThePlatform(given);
      isLooking = true;
      return new RealResponse(stringify({ got: found }));
    },
    mustNotSay: /"got":\[[^\]]/,
  };
}
attacks['a frozen world does not stop the cell from telling its end'] = {
  own: true,
  run: async (given) => {
    for (const name of Object.getOwnPropertyNames(globalThis)) {
      const value = globalThis[name];
      if (typeof value === 'function' && value.prototype) Object.freeze(value.prototype);
      if (typeof value === 'function') Object.freeze(value);
    }
    await useThePlatform(given);
  },
};
attacks['a world with every global gone is the worker’s own loss'] = {
  own: true,
  end: 'exception',
  run: () => {
    for (const name of Object.getOwnPropertyNames(globalThis)) delete globalThis[name];
  },
};
