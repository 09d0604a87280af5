/** Prometheus' text: what is counted, how it is written, how many series there may be. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Registry } from '../../server/metrics/registry.ts';

test('counters, histograms and gauges are written in Prometheus’ text format', () => {
  const registry = new Registry();
  const requests = registry.counter('requests_total', 'Requests.');
  requests.add({ worker: 'a', outcome: 'ok' });
  requests.add({ worker: 'a', outcome: 'ok' }, 2);
  requests.add({});
  const seconds = registry.histogram('seconds', 'How long.', [0.1, 1]);
  for (const value of [0.05, 0.1, 0.5, 7]) seconds.observe({ kind: 'x' }, value);
  registry.gauge('cells', 'Cells.', () => [[{ state: 'idle' }, 3]]);
  assert.equal(
    registry.render(),
    `# HELP requests_total Requests.
# TYPE requests_total counter
requests_total{worker="a",outcome="ok"} 3
requests_total 1
# HELP seconds How long.
# TYPE seconds histogram
seconds_bucket{kind="x",le="0.1"} 2
seconds_bucket{kind="x",le="1"} 3
seconds_bucket{kind="x",le="+Inf"} 4
seconds_sum{kind="x"} 7.65
seconds_count{kind="x"} 4
# HELP cells Cells.
# TYPE cells gauge
cells{state="idle"} 3
`,
  );
});

test('a label’s value cannot break out of its line', () => {
  const registry = new Registry();
  registry.counter('c', 'C.').add({ name: 'a"b\\c\nd' });
  assert.ok(registry.render().endsWith('c{name="a\\"b\\\\c\\nd"} 1\n'));
});

test('1,999 and 2,000 workers have series of their own, all further ones share one, and totals stay right', () => {
  const registry = new Registry();
  const counter = registry.counter('c', 'C.');
  for (let n = 0; n < 2_500; n++) counter.add({ account: 'x', worker: `w${n}`, outcome: 'ok' });
  const lines = registry
    .render()
    .split('\n')
    .filter((line) => line.startsWith('c{'));
  assert.ok(lines.includes('c{account="x",worker="w1999",outcome="ok"} 1'));
  assert.ok(lines.includes('c{account="others",worker="others",outcome="ok"} 500'));
  assert.equal(lines.length, 2_001);
});
