// Get at the machine: its files, its environment, its processes, the server's folder; through what Node's modules seem to offer.

const PATHS = (aim) => [
  aim.secretFile,
  `${aim.dataDir}/master.key`,
  `${aim.folder}/../${aim.secretFile.split('/').slice(-2).join('/')}`,
  '/etc/passwd',
  '/etc/shadow',
  '/proc/self/environ',
  '/proc/self/maps',
  '/proc/self/mem',
  '/proc/self/fd/0',
  '/proc/self/root/etc/passwd',
  `/proc/${aim.serverPid}/environ`,
  `/proc/${aim.serverPid}/root/etc/passwd`,
  '/proc/1/environ',
  '/dev/mem',
  '/dev/shm',
  '/sys/kernel/notes',
  '/bundle/../../../../etc/passwd',
  '/tmp/../etc/passwd',
  '/./etc/passwd\0.txt',
  'file:///etc/passwd',
];

/** An answer that is nothing at all is no file: node:fs has one of its own, in memory. */
const some = (bytes) => bytes !== undefined && String(bytes).length > 0 && String(bytes).slice(0, 100);

export const attacks = {
  'node:fs reads no file of the machine, at once or later': async ({ aim, attempt }) => {
    const fs = await import('node:fs');
    for (const path of PATHS(aim)) {
      await attempt(`readFileSync ${path}`, () => some(fs.readFileSync(path)));
      await attempt(`readFile ${path}`, async () => some(await fs.promises.readFile(path)));
      await attempt(`URL ${path}`, () => some(fs.readFileSync(new URL(path, 'file:///'))));
      await attempt(`Buffer ${path}`, () => some(fs.readFileSync(Buffer.from(path))));
    }
  },
  'node:fs opens, streams and copies no file of the machine': async ({ aim, attempt }) => {
    const fs = await import('node:fs');
    for (const path of PATHS(aim)) {
      await attempt(`open ${path}`, () => {
        const descriptor = fs.openSync(path, 'r');
        const buffer = Buffer.alloc(64);
        const count = fs.readSync(descriptor, buffer, 0, 64, 0);
        return count > 0 && buffer.toString('latin1', 0, count);
      });
      await attempt(`copy ${path}`, () => {
        fs.copyFileSync(path, '/tmp/copy');
        return some(fs.readFileSync('/tmp/copy'));
      });
      await attempt(
        `stream ${path}`,
        () =>
          new Promise((resolve, reject) =>
            fs
              .createReadStream(path)
              .on('data', (chunk) => resolve(some(chunk)))
              .on('error', reject)
              .on('end', resolve),
          ),
      );
    }
  },
  'descriptors that node:fs was not given are not read or written': async ({ attempt }) => {
    const fs = await import('node:fs');
    for (let descriptor = 3; descriptor < 64; descriptor++) {
      await attempt(`read ${descriptor}`, () => {
        const buffer = Buffer.alloc(64);
        return fs.readSync(descriptor, buffer, 0, 64, null) > 0 && buffer.toString('latin1');
      });
      await attempt(`write ${descriptor}`, () => fs.writeSync(descriptor, 'x'.repeat(64)) && 'written');
      await attempt(`readFile ${descriptor}`, () => some(fs.readFileSync(descriptor)));
    }
  },
  'links in the virtual folders lead to no file of the machine': async ({ aim, attempt }) => {
    const fs = await import('node:fs');
    for (const path of PATHS(aim)) {
      await attempt(`symlink ${path}`, () => {
        const link = `/tmp/link-${Math.random()}`;
        fs.symlinkSync(path, link);
        return some(fs.readFileSync(link));
      });
      await attempt(`link ${path}`, () => {
        const link = `/tmp/hard-${Math.random()}`;
        fs.linkSync(path, link);
        return some(fs.readFileSync(link));
      });
      await attempt(`realpath ${path}`, () => {
        const real = fs.realpathSync(path);
        return some(fs.readFileSync(real));
      });
    }
  },
  'nothing is written into the machine’s folders, whatever node:fs answers': async ({ aim }) => {
    const fs = await import('node:fs');
    const quietly = (run) => {
      try {
        run();
      } catch {
        // Judged from outside: the folder is looked at.
      }
    };
    for (const path of [`${aim.folder}/made`, aim.secretFile, `${aim.dataDir}/made`]) {
      quietly(() => fs.writeFileSync(path, 'owned'));
      quietly(() => fs.appendFileSync(path, 'owned'));
      quietly(() => fs.mkdirSync(`${path}-folder`, { recursive: true }));
      quietly(() => fs.renameSync(aim.secretFile, path));
      quietly(() => fs.symlinkSync('/etc/passwd', path));
      quietly(() => fs.truncateSync(aim.secretFile));
      quietly(() => fs.rmSync(aim.folder, { recursive: true, force: true }));
      quietly(() => fs.chmodSync(aim.secretFile, 0o777));
    }
  },
  'folders of the machine are not listed': async ({ aim, attempt }) => {
    const fs = await import('node:fs');
    for (const path of [
      aim.folder,
      aim.dataDir,
      '/etc',
      '/home',
      '/root',
      '/proc',
      '/proc/self/fd',
      '/proc/self/task',
      '/usr',
    ])
      await attempt(`readdir ${path}`, () => fs.readdirSync(path).length > 0 && fs.readdirSync(path).join());
    await attempt('glob', () => some(fs.globSync('/etc/*').join()));
    await attempt('watch', () => typeof fs.watch('/etc').on);
  },
  'the environment is the worker’s own and nothing of the server’s': async ({ attempts }) => {
    const { default: process } = await import('node:process');
    for (const [name, value] of Object.entries(process.env))
      if (/SKEP|CLOUDFLARE|DATABASE|HOME|PATH|TOKEN|SECRET|USER|PWD|DENO|NODE_/.test(name))
        attempts.got.push(`${name}=${value}`);
    for (const name of ['HOME', 'PATH', 'SKEP_ADMIN_TOKEN', 'DATABASE_URL', 'USER'])
      if (process.env[name] !== undefined) attempts.got.push(name);
  },
  'no program is started by any function of node:child_process': async ({ aim, attempt }) => {
    // Without the module there is nothing to attack; with it every function is.
    const child = await import('node:child_process').catch(() => ({}));
    const script = `touch ${aim.folder}/made`;
    await attempt('execSync', () => child.execSync(script));
    await attempt('spawnSync', () => child.spawnSync('sh', ['-c', script]).pid);
    await attempt('spawn', () => child.spawn('sh', ['-c', script]).pid);
    await attempt('exec', () => child.exec(script).pid);
    await attempt('execFile', () => child.execFile('/bin/sh', ['-c', script]).pid);
    await attempt('fork', () => child.fork('/x.js').pid);
  },
  'node:os and process tell nothing of this machine': async ({ attempts, aim }) => {
    const os = await import('node:os');
    const { default: process } = await import('node:process');
    const told = JSON.stringify([
      os.hostname?.(),
      quiet(os.networkInterfaces),
      quiet(os.userInfo),
      quiet(os.homedir),
      process.execPath,
      process.argv,
      process.cwd(),
      process.title,
      process.versions,
      process.release,
    ]);
    if (told.includes(aim.ownAddress)) attempts.got.push('the address of the machine');
    if (told.includes(aim.dataDir)) attempts.got.push('the data directory');
    const path = /.{0,60}(\/home\/|\/root|\/usr\/|\bdeno\b).{0,60}/i.exec(told);
    if (path !== null) attempts.got.push(path[0]);
    if (process.pid === undefined || process.ppid === aim.serverPid) attempts.got.push(`ppid ${process.ppid}`);
  },
  'sockets of the file system are not reached by fetch(), connect() or node:net': async ({ aim, attempt }) => {
    const net = await import('node:net');
    const http = await import('node:http');
    const { connect } = await import('cloudflare:sockets');
    for (const path of [
      aim.unixSocket,
      `${aim.dataDir}/api.sock`,
      `${aim.dataDir}/postgres/.s.PGSQL.5432`,
      '\0abstract',
      '/run/docker.sock',
      '/var/run/docker.sock',
    ]) {
      await attempt(`net ${path}`, () => opened(net.connect({ path })));
      await attempt(`net, text ${path}`, () => opened(net.createConnection(path)));
      await attempt(
        `http ${path}`,
        () =>
          new Promise((resolve, reject) =>
            http.get({ socketPath: path, path: '/' }, (response) => resolve(response.statusCode)).on('error', reject),
          ),
      );
      await attempt(`unix: ${path}`, () => fetch(`unix:${path}`).then((response) => response.status));
      await attempt(`http+unix ${path}`, () =>
        fetch(`http+unix://${encodeURIComponent(path)}/`).then((response) => response.status),
      );
      await attempt(`connect ${path}`, async () => {
        await connect(`unix:${path}`).opened;
        return 'open';
      });
      await attempt(`client ${path}`, () =>
        fetch('http://x/', { client: { proxy: { transport: 'unix', path } } }).then((response) => response.status),
      );
    }
  },
  'the cell’s own sockets to the server are not reached': async ({ attempt, aim }) => {
    const net = await import('node:net');
    for (const folder of [
      '/',
      '/run',
      '/tmp',
      '/cell',
      '.',
      aim.dataDir,
      `${aim.dataDir}/run/1`,
      '/run/skep',
      '/proc/self/cwd',
    ])
      for (const name of ['broker.sock', 'in.sock']) {
        await attempt(`${folder}/${name}`, () => opened(net.connect(`${folder}/${name}`)));
        await attempt(`fetch ${folder}/${name}`, () =>
          fetch(`http+unix://${encodeURIComponent(`${folder}/${name}`)}/`).then((response) => response.status),
        );
      }
  },
  'fetch() opens no file, blob or data of the machine': async ({ aim, attempt }) => {
    for (const url of [
      `file://${aim.secretFile}`,
      'file:///etc/passwd',
      'file:/etc/passwd',
      'FILE:///etc/passwd',
      'view-source:file:///etc/passwd',
      'blob:null/1',
      'filesystem:http://x/',
      'jar:file:///x!/',
      'about:blank',
      'javascript:1',
      'cell:/index.js',
      'builtin:/node:fs',
      'skep:harness.js',
    ])
      await attempt(url, async () => `answered ${(await (await fetch(url)).text()).slice(0, 60)}`);
  },
  'URL.createObjectURL makes nothing that can be imported or run': async ({ attempt }) => {
    await attempt('import', async () => {
      const url = URL.createObjectURL(new Blob(['export default 7'], { type: 'text/javascript' }));
      return (await import(url)).default;
    });
  },
  'node:sqlite, node:http servers and node:test touch nothing of the machine': async ({ aim, attempt }) => {
    await attempt('sqlite', async () => {
      const { DatabaseSync } = await import('node:sqlite');
      new DatabaseSync(`${aim.folder}/made.db`).exec('CREATE TABLE t (a)');
      return 'made';
    });
    await attempt('extension', async () => {
      const { DatabaseSync } = await import('node:sqlite');
      new DatabaseSync(':memory:', { allowExtension: true }).loadExtension('/lib/x86_64-linux-gnu/libc.so.6');
      return 'loaded';
    });
    await attempt('test', async () => {
      const { run } = await import('node:test');
      return typeof run({ files: [aim.secretFile] }).on;
    });
  },
  'console, stdout and diagnostics write no file and reach no terminal': async ({ attempt }) => {
    const { default: process } = await import('node:process');
    await attempt('report', () => process.report.writeReport('/tmp/report.json'));
    await attempt('stdout', () => process.stdout?.write('\u001b[2J\u001b]0;owned\u0007') === 'impossible');
    await attempt('heap', async () => (await import('node:v8')).writeHeapSnapshot('/tmp/heap'));
    await attempt('coverage', async () => (await import('node:v8')).takeCoverage());
  },
};

const quiet = (run) => {
  try {
    return run?.();
  } catch {
    return undefined;
  }
};

const opened = (socket) =>
  new Promise((resolve, reject) => {
    socket.on('connect', () => resolve('connected'));
    socket.on('error', reject);
  });
