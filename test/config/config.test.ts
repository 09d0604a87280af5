import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { ConfigError, commandOf, loadConfig } from '../../server/config/config.ts';
import type { Config } from '../../server/config/config.ts';
import { helpText, settingsTable } from '../../server/config/docs.ts';
import { nearestWord } from '../../server/config/nearest.ts';
import { SETTING_LIST, flagOf, tomlKeyOf } from '../../server/config/settings.ts';

const cwd = mkdtempSync(join(tmpdir(), 'skep-test-config-'));
after(() => rmSync(cwd, { recursive: true }));

interface Given {
  readonly argv?: string[];
  readonly env?: Record<string, string>;
  readonly toml?: string;
}

function load({ argv = [], env = {}, toml }: Given): Config {
  const file = join(cwd, 'skep.toml');
  rmSync(file, { force: true });
  if (toml !== undefined) writeFileSync(file, toml);
  return loadConfig({ argv, env, cwd });
}

function problemsOf(given: Given): string[] {
  try {
    load(given);
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error.message.split('\n');
  }
  return assert.fail('the configuration was accepted');
}

describe('defaults', () => {
  test('without any source every setting has the documented default', () => {
    const { nodeName, ...config } = load({});
    assert.deepEqual(config, {
      dataDir: join(cwd, '.skep'),
      gatewayPort: 8787,
      apiPort: 8788,
      s3Port: null,
      host: '127.0.0.1',
      baseDomain: 'localhost',
      subdomain: 'dev',
      adminToken: null,
      accountId: null,
      databaseUrl: null,
      workerDatabaseUrl: null,
      limitDatabaseMiB: 10_240,
      limitStatementMs: 30_000,
      limitTransactionMs: 30_000,
      natsUrl: null,
      roles: ['gateway', 'api'],
      masterKey: null,
      sandbox: 'auto',
      egressAllow: [],
      limitCpuMs: 100,
      limitCpuMaxMs: 30_000,
      limitMemoryMiB: 128,
      limitBodyBytes: 100_000_000,
      limitSubrequests: 50,
      limitSubrequestsMax: 10_000,
      limitCells: 200,
      limitCellsPerAccount: 200,
      cacheMiB: 1024,
      kvCacheMiB: 64,
      limitCacheObjectMiB: 64,
      s3Backend: null,
      limitBucketGiB: 100,
      diskReserveMiB: 1024,
      limitKvGiB: 10,
      prestartedCells: 2,
      idleCellSeconds: 300,
      trustedProxies: [],
      verbose: false,
      logFormat: 'auto',
    });
    assert.ok(nodeName.length > 0 && hostname().includes(nodeName.slice(0, 3)));
  });

  test('the configuration and its lists are frozen', () => {
    const config = load({ env: { SKEP_EGRESS_ALLOW: 'a,b' } });
    assert.ok(Object.isFrozen(config) && Object.isFrozen(config.egressAllow) && Object.isFrozen(config.roles));
  });

  test('the environment variables of the design are the ones that are read', () => {
    const names = new Set(SETTING_LIST.map(([, setting]) => setting.env));
    for (const name of [
      ...['SKEP_DATA_DIR', 'SKEP_GATEWAY_PORT', 'SKEP_API_PORT', 'SKEP_HOST', 'SKEP_BASE_DOMAIN', 'SKEP_SUBDOMAIN'],
      ...[
        'SKEP_ADMIN_TOKEN',
        'SKEP_ACCOUNT_ID',
        'DATABASE_URL',
        'NATS_URL',
        'SKEP_ROLES',
        'SKEP_MASTER_KEY',
        'SKEP_SANDBOX',
      ],
      ...[
        'SKEP_EGRESS_ALLOW',
        'SKEP_LIMIT_CPU_MS',
        'SKEP_LIMIT_MEMORY_MIB',
        'SKEP_LIMIT_BODY_BYTES',
        'SKEP_LIMIT_SUBREQUESTS',
      ],
      ...[
        'SKEP_LIMIT_CELLS',
        'SKEP_PRESTARTED_CELLS',
        'SKEP_IDLE_CELL_SECONDS',
        'SKEP_TRUSTED_PROXIES',
        'SKEP_NODE_NAME',
      ],
      ...['SKEP_VERBOSE', 'SKEP_LOG_FORMAT'],
    ]) {
      assert.ok(names.has(name), name);
    }
  });
});

describe('sources', () => {
  test('a flag wins over the environment, and the environment over the file', () => {
    const toml = 'host = "10.0.0.1"\ngateway_port = 1\napi_port = 2\n';
    const config = load({ toml, env: { SKEP_GATEWAY_PORT: '3', SKEP_API_PORT: '4' }, argv: ['--api-port', '5'] });
    assert.deepEqual([config.host, config.gatewayPort, config.apiPort], ['10.0.0.1', 3, 5]);
  });

  test('flags are read with a space, with an equals sign, and without a value for true', () => {
    const config = load({ argv: ['--host', '::1', '--base-domain=Example.COM', '--verbose'] });
    assert.deepEqual([config.host, config.baseDomain, config.verbose], ['::1', 'example.com', true]);
    assert.equal(load({ argv: ['--verbose=false'], env: { SKEP_VERBOSE: 'true' } }).verbose, false);
  });

  test('lists are comma separated in variables and arrays in the file', () => {
    const egressAllow = ['10.0.0.0/8', 'db.internal:5432', '[::1]:80', 'fd00::/8'];
    assert.deepEqual(load({ env: { SKEP_EGRESS_ALLOW: egressAllow.join(' , ') } }).egressAllow, egressAllow);
    assert.deepEqual(load({ toml: `egress_allow = ${JSON.stringify(egressAllow)}` }).egressAllow, egressAllow);
  });

  test('an empty environment variable counts as not set', () => {
    assert.equal(load({ env: { SKEP_HOST: '', SKEP_UNKNOWN: '', NATS_URL: '' } }).host, '127.0.0.1');
  });

  test('a relative data directory counts from the working directory, in the file from the file', () => {
    const file = join(cwd, 'other.toml');
    writeFileSync(file, 'data_dir = "here"');
    const from = (env: Record<string, string>): string =>
      loadConfig({ argv: ['--config', file], env, cwd: '/' }).dataDir;
    assert.equal(from({}), join(cwd, 'here'));
    assert.equal(from({ SKEP_DATA_DIR: 'there' }), '/there');
    rmSync(file);
  });

  test('a configuration file that is named but missing is an error', () => {
    assert.match(
      problemsOf({ env: { SKEP_CONFIG: 'no.toml' } })[0] ?? '',
      /^Cannot read the configuration file "no.toml": ENOENT/,
    );
  });

  test('a master key is taken in base64 and in hexadecimal', () => {
    const key = Buffer.alloc(32, 0xab);
    for (const text of [key.toString('base64'), key.toString('hex'), key.toString('base64url')]) {
      assert.deepEqual(load({ env: { SKEP_MASTER_KEY: text } }).masterKey, key);
    }
  });
});

describe('mistakes', () => {
  test('an unknown flag, variable or key names the nearest known one', () => {
    assert.deepEqual(problemsOf({ argv: ['--gatway-port', '1'] }), [
      'There is no flag --gatway-port. Did you mean --gateway-port?',
    ]);
    assert.deepEqual(problemsOf({ env: { SKEP_LIMT_CPU_MS: '1' } }), [
      'There is no setting for the environment variable SKEP_LIMT_CPU_MS. Did you mean SKEP_LIMIT_CPU_MS?',
    ]);
    assert.deepEqual(problemsOf({ toml: '# first line\nhots = "x"\n' }), [
      'skep.toml:2: there is no setting "hots". Did you mean host?',
    ]);
    assert.match(problemsOf({ env: { SKEP_QQQQQQQQQQQQ: '1' } })[0] ?? '', /skep --help lists all/);
  });

  test('a bad value is shown as written, with where it was written and what is allowed', () => {
    const [problem = ''] = problemsOf({ env: { SKEP_API_PORT: '80e' } });
    assert.match(
      problem,
      /^Cannot use the setting api-port: the environment variable SKEP_API_PORT is "80e"\. Allowed: a whole number/,
    );
    assert.match(problemsOf({ argv: ['--api-port=65536'] })[0] ?? '', /the flag --api-port is "65536"/);
    assert.match(problemsOf({ toml: '\n\napi_port = "80"' })[0] ?? '', /skep\.toml:3, api_port is "80"/);
    assert.match(problemsOf({ toml: 'api_port = [' })[0] ?? '', /^Cannot read skep\.toml:1:\d+ as TOML: /);
  });

  test('all problems are reported at once', () => {
    const problems = problemsOf({
      argv: ['--nonsense', 'x'],
      env: { SKEP_HOST: 'a b', SKEP_ROLES: 'cook' },
      toml: 'verbose = 1',
    });
    assert.equal(problems.length, 4, problems.join('\n'));
  });

  test('secrets are never shown', () => {
    const text = problemsOf({
      argv: ['--database-url', 'mysql://u:hush@h/d'],
      env: { SKEP_MASTER_KEY: 'hush', SKEP_ADMIN_TOKEN: 'hush hush', NATS_URL: 'nats://u:hush@h' },
    });
    assert.equal(text.length, 4);
    assert.doesNotMatch(text.join('\n'), /hush/);
  });

  test('NATS and roles without a part yet are refused with a sentence', () => {
    assert.match(
      problemsOf({ env: { NATS_URL: 'nats://x' } })[0] ?? '',
      /messages through PostgreSQL, NATS comes with a later version/,
    );
    for (const roles of ['scheduler', 'logs', 'gateway,logs']) {
      assert.match(problemsOf({ env: { SKEP_ROLES: roles } })[0] ?? '', /scheduler and logs come with a later version/);
    }
    assert.deepEqual(load({ env: { SKEP_ROLES: 'api' } }).roles, ['api']);
    assert.deepEqual(load({ env: { SKEP_ROLES: 'all' } }).roles, ['gateway', 'api']);
  });

  test('a flag without its value does not swallow the next flag', () => {
    assert.match(problemsOf({ argv: ['--host', '--verbose'] })[0] ?? '', /The flag --host needs a value/);
    assert.match(problemsOf({ argv: ['--host', 'a', '--host', 'b'] })[0] ?? '', /more than once/);
  });

  test('values that contradict each other are refused', () => {
    assert.match(problemsOf({ argv: ['--api-port', '8787'] })[0] ?? '', /same port 8787/);
    assert.match(problemsOf({ argv: ['--limit-cpu-ms', '40000'] })[0] ?? '', /limit-cpu-max-ms/);
    assert.match(problemsOf({ argv: ['--limit-subrequests', '20000'] })[0] ?? '', /limit-subrequests-max/);
    assert.match(problemsOf({ argv: ['--limit-cells', '1'] })[0] ?? '', /prestarted-cells/);
    assert.equal(load({ argv: ['--api-port=0', '--gateway-port=0'] }).apiPort, 0);
  });

  const refused: [string, string[]][] = [
    ['SKEP_ACCOUNT_ID', ['abc', 'g'.repeat(32)]],
    ['SKEP_SUBDOMAIN', ['a.b', '-a', 'a'.repeat(64)]],
    ['SKEP_BASE_DOMAIN', ['http://x', 'x:80', 'x.', '127.0.0.1', 'a..b']],
    ['SKEP_TRUSTED_PROXIES', ['10.0.0.0/33', 'proxy.example', '::1/129', '10.0.0']],
    ['SKEP_EGRESS_ALLOW', ['http://x', 'x:0', 'x:65536', '10.0.0', '10.0.0.0/8:80', 'a b']],
    ['SKEP_LIMIT_CPU_MS', ['0', '-1', '1.5', '1e3', '']],
    ['SKEP_MASTER_KEY', ['short', 'A'.repeat(42), 'z'.repeat(64)]],
    ['SKEP_SANDBOX', ['off', 'AUTO']],
    ['DATABASE_URL', ['localhost', 'mysql://x/y']],
  ];
  for (const [name, values] of refused) {
    test(`${name} refuses what it cannot use`, () => {
      for (const value of values.filter((text) => text !== '')) {
        assert.equal(problemsOf({ env: { [name]: value } }).length, 1, value);
      }
    });
  }

  test('DATABASE_URL may name a socket directory', () => {
    for (const databaseUrl of ['postgresql://u:p@/d?host=/run/pg', 'postgres://u:p@%2Frun%2Fpg/d', 'postgresql:///d']) {
      assert.equal(load({ env: { DATABASE_URL: databaseUrl } }).databaseUrl, databaseUrl);
    }
  });
});

describe('documentation', () => {
  test('help and version win over everything else on the command line', () => {
    assert.equal(commandOf(['--nonsense', '--help']), 'help');
    assert.equal(commandOf(['--version']), 'version');
    assert.equal(commandOf(['--verbose']), 'start');
  });

  test('the help names every flag and variable', () => {
    const help = helpText();
    for (const [, setting] of SETTING_LIST) {
      assert.ok(help.includes(`  ${flagOf(setting)}`) && help.includes(`[${setting.env}]`), setting.name);
    }
  });

  test('the table in docs/configuration.md is the one made from the schema', () => {
    const docs = readFileSync(new URL('../../docs/configuration.md', import.meta.url), 'utf8');
    assert.ok(docs.includes(settingsTable()), 'run: node --import tsx tools/config-docs.ts');
    for (const [, setting] of SETTING_LIST) assert.ok(docs.includes(`\`${tomlKeyOf(setting)}\``));
  });

  test('the nearest word is found across a swap, a gap and a wrong letter, and nothing when all are far', () => {
    assert.equal(nearestWord('hsot', ['port', 'host']), 'host');
    assert.equal(nearestWord('HOST', ['host']), 'host');
    assert.equal(nearestWord('completely-else', ['host', 'port']), undefined);
  });
});
