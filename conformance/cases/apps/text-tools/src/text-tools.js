import { marked } from 'marked';
import * as yaml from 'js-yaml';
import Papa from 'papaparse';
import { XMLParser, XMLBuilder } from 'fast-xml-parser';
import superjson from 'superjson';
import qs from 'qs';
import { format, addDays, parseISO, formatDistance, differenceInDays } from 'date-fns';
import { nanoid, customAlphabet } from 'nanoid';
import { v4, v5, v7, validate } from 'uuid';
import { produce } from 'immer';
import { groupBy, merge, cloneDeep, debounce } from 'lodash-es';
import * as pako from 'pako';
import * as cookie from 'cookie';
export default { async fetch() {
  const d = parseISO('2024-02-28T12:00:00Z');
  return Response.json({
    md: marked.parse('# T\n\n* a\n* **b** `c`\n\n| x | y |\n|---|---|\n| 1 | 2 |\n'),
    yaml: yaml.load('a: 1\nb: [x, y]\nc:\n  d: 2001-12-14\n'), dump: yaml.dump({ a: [1, { b: null }] }),
    csv: Papa.parse('a,b\n1,"x, y"\n', { header: true, dynamicTyping: true }).data, un: Papa.unparse([{ a: 1, b: 'q"q' }]),
    xml: new XMLParser({ ignoreAttributes: false }).parse('<r a="1"><i>x</i><i>2</i></r>'), built: new XMLBuilder({ format: true }).build({ r: { i: [1, 2] } }),
    superjson: superjson.serialize({ d, s: new Set([1]), m: new Map([['a', 1n]]), u: undefined, r: /x/gi, e: new Error('boo') }), back: superjson.deserialize(superjson.serialize({ m: new Map([[1, 2]]) })).m.get(1),
    qs: [qs.parse('a[b]=1&a[c][]=2&a[c][]=3'), qs.stringify({ a: { b: [1, 2] } })],
    dates: [format(addDays(d, 2), 'yyyy-MM-dd'), formatDistance(d, addDays(d, 40)), differenceInDays(addDays(d, 9), d), d.toISOString()],
    ids: [nanoid().length, customAlphabet('ab', 4)().length, validate(v4()), v5('x', v5.DNS), v7().length], immer: produce({ a: [1, 2] }, (x) => { x.a.push(3); }),
    lodash: [groupBy([1, 2, 3], (x) => x % 2), typeof debounce, merge({ a: { b: 1 } }, { a: { c: 2 } }), cloneDeep({ d: new Date(0) })],
    pako: pako.inflate(pako.deflate('hello hello hello'), { to: 'string' }), cookie: [cookie.parseCookie?.('a=1; b=%20') ?? cookie.parse('a=1; b=%20')],
  });
} };
