import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import { describe, test } from 'node:test';
import { createLogger } from '../../server/log/log.ts';
import type { RootLogger } from '../../server/log/log.ts';
import { LOG_LIMITS } from '../../shared/limits.ts';

function recorded(format: 'text' | 'json', verbose = false): { log: RootLogger; lines: () => string[] } {
  let text = '';
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      text += chunk.toString();
      done();
    },
  });
  const log = createLogger({ format, verbose, stream });
  return { log, lines: () => text.split('\n').slice(0, -1) };
}

describe('text', () => {
  test('a line is short: level, component, sentence and details', () => {
    const { log, lines } = recorded('text');
    log
      .child({ component: 'gateway' })
      .warn('No cell could be had', { worker: 'apple', waitedMs: 30, reason: 'too many' });
    assert.deepEqual(lines(), ['warn  gateway: No cell could be had (worker=apple, waitedMs=30, reason="too many")']);
  });

  test('values from outside cannot forge a line or move the cursor', () => {
    const { log, lines } = recorded('text');
    log.info('Seen\nerror forged', { path: '/a\nerror b\u001b[2J\r' });
    assert.equal(lines().length, 1);
    assert.doesNotMatch(lines()[0] ?? '', /[\u0000-\u001f]/);
  });

  test('debug lines and stacks appear only when asked for', () => {
    const quiet = recorded('text');
    quiet.log.debug('unseen');
    quiet.log.error('Failed', { error: new Error('outer', { cause: new Error('inner') }) });
    assert.deepEqual(quiet.lines(), ['error Failed (error="outer: inner")']);
    const verbose = recorded('text', true);
    verbose.log.debug('seen');
    verbose.log.error('Failed', { error: new Error('outer') });
    assert.equal(verbose.lines()[0], 'debug seen');
    assert.match(verbose.lines().join('\n'), /\n\s+at /);
  });
});

describe('json', () => {
  test('a line is one JSON object with level, time, message and fields', () => {
    const { log, lines } = recorded('json');
    log.child({ component: 'api' }).info('Deployed', { seq: 12n, worker: 'apple\nx' });
    const line = JSON.parse(lines()[0] ?? '') as Record<string, unknown>;
    assert.equal(lines().length, 1);
    assert.ok(!Number.isNaN(Date.parse(String(line['time']))));
    delete line['time'];
    assert.deepEqual(line, { level: 'info', component: 'api', message: 'Deployed', seq: '12', worker: 'apple\nx' });
  });
});

for (const format of ['text', 'json'] as const) {
  test(`no text makes a line of the ${format} log longer than the limit`, () => {
    const { maxTextCharacters } = LOG_LIMITS;
    const { log, lines: written } = recorded(format);
    log.warn('m'.repeat(1_000_000));
    log.warn('A worker gave no whole answer', {
      reason: 'r'.repeat(1_000_000),
      error: new Error('e'.repeat(1_000_000)),
    });
    const lines = written();
    assert.equal(lines.length, 2);
    assert.ok((lines[0] as string).length < maxTextCharacters + 1_000, `${lines[0]?.length} characters`);
    assert.ok((lines[1] as string).length < 2 * maxTextCharacters + 1_000, `${lines[1]?.length} characters`);
  });

  test(`the ${format} log hides tokens, secrets and passwords wherever they are`, () => {
    const { log, lines } = recorded(format, true);
    log.info('Connecting to postgres://skep:hush@db/x with Bearer hush', {
      token: 'hush',
      headers: { Authorization: 'Bearer hush', nested: { apiKey: 'hush', list: [{ secret: 'hush' }] } },
      url: 'postgres://skep:hush@hush@db/x',
      error: new Error('connect postgresql://a:hush@b failed', { cause: new Error('Bearer hush') }),
      key: Buffer.from('hush'),
    });
    const text = lines().join('\n');
    assert.doesNotMatch(text, /hush|aHVzaA/);
    assert.match(text, /postgres:\/\/skep:\*\*\*@db/);
  });
}

describe('texts that workers choose', () => {
  const texts = {
    'one long word': 'x'.repeat(32_768),
    'words with dots': 'a.'.repeat(16_384),
    'many schemes': 'a://'.repeat(8_192),
    'many half addresses': 'a://b:c'.repeat(4_681),
    'many bearers': `${'bearer '.repeat(4_681)}"`,
    'a bearer and blanks': `bearer${' '.repeat(32_760)}"`,
    'empty lines': '\n'.repeat(32_768),
    'lines of blanks': '\n     '.repeat(5_461),
  };
  for (const [name, text] of Object.entries(texts)) {
    for (const format of ['text', 'json'] as const) {
      test(`${name}: a line of 32 KiB takes less than 50 ms as ${format}`, () => {
        const { log } = recorded(format);
        const times = Array.from({ length: 5 }, () => {
          const started = performance.now();
          log.info(text, { text });
          return performance.now() - started;
        });
        assert.ok(Math.min(...times) < 50, `${times.map((time) => time.toFixed(1)).join(', ')} ms`);
      });
    }
  }
});
