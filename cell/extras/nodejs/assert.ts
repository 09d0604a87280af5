/**
 * `node:assert` as Workers has it: the loose comparisons are strict too, an exception given as the message becomes its text, and the texts
 * are those of Workers. What a thrown or rejected value must look like is checked by Deno's implementation, except by the members of an object.
 */
import { denoNode, type Exports } from './deno-node.ts';
import { invalidArgType, nodeTypeError, shaped, toText } from './errors.ts';

type Callback = (...args: never[]) => unknown;
type Predicate = (actual: unknown, expected: unknown) => boolean;

interface Details {
  readonly message?: unknown;
  readonly actual?: unknown;
  readonly expected?: unknown;
  readonly operator?: string | undefined;
  readonly generatedMessage?: boolean;
}

const SHORT = 12;
const LINE = 80;

const inspect = (value: unknown, options?: object): string =>
  (denoNode('util') as { inspect(value: unknown, options?: object): string }).inspect(value, options);

const inspectMembers = (value: unknown): string =>
  inspect(value, {
    compact: true,
    customInspect: false,
    depth: 1000,
    maxArrayLength: Infinity,
    sorted: true,
    getters: true,
  });

const isReference = (value: unknown): boolean =>
  (typeof value === 'object' && value !== null) || typeof value === 'function';

/** A mark under the first character in which two single lines differ, when there is a beginning in common worth the mark. */
function markDifference(actual: string, expected: string): string {
  if (actual.length + expected.length >= LINE) return '';
  let at = 0;
  while (actual[at] === expected[at]) at++;
  return at > 2 ? `\n  ${' '.repeat(at)}^` : '';
}

/** The lines of one that are not the other's at the same place, between those that both have. */
function compareLines(actual: readonly string[], expected: readonly string[]): string {
  const lines: string[] = [];
  let missing: string[] = [];
  for (let index = 0; index < Math.max(actual.length, expected.length); index++) {
    const [has, wants] = [actual[index], expected[index]];
    if (has === wants || (has !== undefined && `${has},` === wants)) {
      lines.push(...missing, `  ${wants}`);
      missing = [];
      continue;
    }
    if (has !== undefined) lines.push(`+ ${has}`);
    if (wants !== undefined) missing.push(`- ${wants}`);
  }
  return [...lines, ...missing].join('\n');
}

/** The same error for the eye, apart from where it was made. */
function withoutStack(error: Error): Error {
  const copy = Object.create(
    Object.getPrototypeOf(error) as object,
    Object.getOwnPropertyDescriptors(Object.assign({}, error)),
  ) as Error;
  return Object.defineProperty(copy, 'message', { value: error.message });
}

/** What `deepStrictEqual` says, and an `AssertionError` that is given no message. */
function describeDifference(actual: unknown, expected: unknown, title: string): string {
  const areErrors = actual instanceof Error && expected instanceof Error;
  const show = (value: unknown): string => inspectMembers(areErrors ? withoutStack(value as Error) : value);
  const [has, wants] = [show(actual), show(expected)];
  if (has === wants) return `Values have same structure but are not reference-equal:\n\n${has}\n`;
  const isShort = has.length + wants.length <= SHORT && !isReference(actual) && !isReference(expected);
  if (isShort) return `${title}\n\n${has} !== ${wants}\n`;
  const isSingle = !has.includes('\n') && !wants.includes('\n');
  const mark = isSingle && has.length + wants.length > SHORT ? markDifference(has, wants) : '';
  return `${title}\n+ actual - expected\n\n${compareLines(has.split('\n'), wants.split('\n'))}${mark}`;
}

function describeByOperator({ actual, expected, operator }: Details): string {
  switch (operator) {
    case 'deepStrictEqual':
      return describeDifference(actual, expected, 'Expected values to be strictly deep-equal:');
    case 'strictEqual':
      return describeDifference(actual, expected, 'Expected values to be strictly equal:');
    case 'notDeepStrictEqual':
      return `Expected "actual" not to be strictly deep-equal to: ${inspectMembers(actual)}`;
    case 'notStrictEqual':
      return `Expected "actual" to be strictly unequal to: ${inspectMembers(actual)}`;
    default:
      return `${inspectMembers(actual)} ${operator ?? 'undefined'} ${inspectMembers(expected)}`;
  }
}

export class AssertionError extends Error {
  readonly generatedMessage: boolean;
  readonly code = 'ERR_ASSERTION';
  readonly actual: unknown;
  readonly expected: unknown;
  readonly operator: string | undefined;

  constructor(options: Details) {
    if (typeof options !== 'object' || options === null) throw invalidArgType('options', 'of type object', options);
    const { message, actual, expected, operator } = options;
    const isGenerated = message === undefined || message === null;
    super(isGenerated ? describeByOperator(options) : toText(message));
    this.generatedMessage = isGenerated;
    const { stack } = this;
    const named = { writable: true, configurable: true, enumerable: false };
    Object.defineProperty(this, 'name', { value: 'AssertionError', ...named });
    Object.defineProperty(this, 'stack', {
      value: stack?.replace(/^Error/, 'AssertionError [ERR_ASSERTION]'),
      ...named,
    });
    this.actual = actual;
    this.expected = expected;
    this.operator = operator;
  }

  override toString(): string {
    return `${this.name} [${this.code}]: ${this.message}`;
  }
}

function failure(details: Details): AssertionError {
  const error = new AssertionError(details);
  if (details.generatedMessage) (error as { generatedMessage: boolean }).generatedMessage = true;
  return error;
}

function requireTwo(args: readonly unknown[], second = 'expected', first = 'actual'): void {
  if (args.length >= 2) return;
  throw nodeTypeError('ERR_MISSING_ARGS', `The "${first}" and "${second}" arguments must be specified`);
}

function ok(...args: unknown[]): void {
  if (args.length === 0) throw failure({ message: 'No value argument passed to `assert.ok()`' });
  const [actual, message] = args;
  if (!actual) throw failure({ message, actual, expected: true, operator: '==' });
}

/** How the values of `strictEqual` differ, line by line. */
function describeInequality(actual: unknown, expected: unknown): string {
  const [has, wants] = [inspect(actual), inspect(expected)];
  if (has === wants) {
    return `Values have the same structure but are not reference-equal:\n\n    ${has.replaceAll('\n', '\n    ')}\n`;
  }
  const areTexts = typeof actual === 'string' && typeof expected === 'string';
  const linesOf = (text: string): string[] =>
    text.replaceAll('\n', areTexts ? '\\n\n\n' : '\n').split(areTexts ? '\n\n' : '\n');
  const changes = changedLines(linesOf(areTexts ? actual : has), linesOf(areTexts ? expected : wants));
  return `Values are not strictly equal:\n\n\n[Diff] Actual / Expected\n\n\n${changes.join('\n')}\n${areTexts ? '\n' : ''}`;
}

/** The lines both begin and end with, and between them those of the one and of the other. */
function changedLines(actual: string[], expected: string[]): string[] {
  const shorter = Math.min(actual.length, expected.length);
  let head = 0;
  while (head < shorter && actual[head] === expected[head]) head++;
  let tail = 0;
  while (tail < shorter - head && actual.at(-1 - tail) === expected.at(-1 - tail)) tail++;
  return [
    ...actual.slice(0, head).map((line) => `    ${line}`),
    ...actual.slice(head, actual.length - tail).map((line) => `-   ${line}`),
    ...expected.slice(head, expected.length - tail).map((line) => `+   ${line}`),
    ...actual.slice(actual.length - tail).map((line) => `    ${line}`),
  ];
}

/** An assertion about two values. `describe` says what is wrong; without it the error finds its own words. */
function comparison(
  operator: string,
  holds: Predicate,
  describe?: (actual: unknown, expected: unknown) => string,
): Callback {
  return (...args: unknown[]): void => {
    requireTwo(args);
    const [actual, expected, message] = args;
    if (holds(actual, expected)) return;
    throw failure({
      message: message ? `${message as string}` : describe?.(actual, expected),
      actual,
      expected,
      operator,
    });
  };
}

const isDeepStrictEqual: Predicate = (actual, expected) =>
  (denoNode('util') as { isDeepStrictEqual: Predicate }).isDeepStrictEqual(actual, expected);

const strictEqual = comparison('strictEqual', Object.is, describeInequality);
const notStrictEqual = comparison(
  'notStrictEqual',
  (actual, expected) => !Object.is(actual, expected),
  () => 'Expected actual to be strictly unequal to expected',
);
const deepStrictEqual = comparison('deepStrictEqual', isDeepStrictEqual);
const notDeepStrictEqual = comparison(
  'notDeepStrictEqual',
  (actual, expected) => !isDeepStrictEqual(actual, expected),
  () => 'Expected actual to not be deeply strictly equal to expected',
);

const partialDeepStrictEqual = comparison(
  'partialDeepStrictEqual',
  isPartlyEqual,
  () => 'Expected actual to be partially deeply strictly equal to expected',
);

function isPartlyEqual(actual: unknown, expected: unknown): boolean {
  try {
    (native().partialDeepStrictEqual as (...args: unknown[]) => void)(actual, expected);
    return true;
  } catch {
    return false;
  }
}

/** `match` and `doesNotMatch`. */
function matching(operator: string, wanted: boolean, first: string): Callback {
  return (...args: unknown[]): void => {
    requireTwo(args, 'regexp', first);
    const [actual, regexp, message] = args;
    if (!(regexp instanceof RegExp)) throw invalidArgType('regexp', 'an instance of RegExp', regexp);
    if (regexp.test(actual as string) === wanted) return;
    const words = `actual: "${actual as string}" expected to${wanted ? '' : ' not'} match: "${String(regexp)}"`;
    throw failure({ message: message ? `${message as string}` : words, actual, expected: regexp, operator });
  };
}

const match = matching('match', true, 'actual');

function fail(message?: unknown): never {
  // oxlint-disable-next-line only-throw-error -- the user's own
  if (typeof message !== 'string' && message !== undefined && message !== null) throw message;
  throw failure({ message: message ?? 'Failed', operator: 'fail', generatedMessage: typeof message !== 'string' });
}

// ---- what is thrown

const native = (): Record<string, Callback> => denoNode('assert') as Record<string, Callback>;

/** An error of Deno's assertions about what was thrown, as one of Workers'. */
function translate(error: unknown, thrown: unknown, unwanted: unknown): unknown {
  const { AssertionError: Native } = native() as unknown as { AssertionError: new () => Error };
  if (!(error instanceof Native)) return error;
  const { message, actual, expected, operator, generatedMessage } = error as unknown as Required<Details>;
  const text = toText(message);
  if (toText(operator).startsWith('doesNot')) {
    const isClass = typeof unwanted === 'function' && isReference(thrown);
    const kind = isClass ? `: ${(thrown as object).constructor.name}` : undefined;
    return failure({
      message:
        kind === undefined
          ? text.replace('Got unwanted rejection', 'Got unwanted exception')
          : `Got unwanted exception${kind}`,
      operator,
    });
  }
  if (text.startsWith('Missing expected')) {
    return failure({ message: text, actual, expected, operator, generatedMessage: operator === 'rejects' });
  }
  const rejected = operator === 'rejects' ? text.replace('The validation', 'The "validate" validation') : text;
  const isComplete = !rejected.includes(' validation function ') || rejected.includes('Caught error:');
  const whole = isComplete ? rejected : `${rejected}\n\nCaught error:\n\n${toText(thrown)}`;
  return failure({ message: whole, actual, expected, operator, generatedMessage });
}

/** Checks a thrown value member by member. False when `expected` is not an object to compare with. */
function checkMembers(thrown: unknown, expected: unknown, message: unknown, operator: string): boolean {
  if (typeof expected !== 'object' || expected === null || expected instanceof RegExp) return false;
  const keys = Object.keys(expected);
  if (expected instanceof Error) keys.push('name', 'message');
  if (keys.length === 0) return false;
  for (const key of keys) {
    if (!isReference(thrown) || !(key in (thrown as object))) {
      const words = isReference(thrown)
        ? `A key in the expected object is missing: ${key}`
        : `object is expected to thrown, but got ${thrown === null || thrown === undefined ? 'null' : `${typeof thrown}: ${toText(thrown)}`}`;
      throw failure({ message: message || words, actual: thrown, expected, operator, generatedMessage: !message });
    }
    const [has, wants] = [(thrown as Exports)[key], (expected as Exports)[key]];
    if (typeof has === 'string' && wants instanceof RegExp) (match as (...args: unknown[]) => void)(has, wants);
    else (deepStrictEqual as (...args: unknown[]) => void)(has, wants);
  }
  return true;
}

function refuseEmpty(expected: unknown): void {
  const isEmpty =
    typeof expected === 'object' &&
    expected !== null &&
    Object.getPrototypeOf(expected) === Object.prototype &&
    Object.keys(expected).length === 0;
  if (!isEmpty) return;
  throw nodeTypeError(
    'ERR_INVALID_ARG_VALUE',
    `The argument 'error' may not be an empty object. Received ${inspect(expected)}`,
  );
}

function throwing(operator: 'throws' | 'doesNotThrow'): Callback {
  return (...args: unknown[]): void => {
    const [run, expected, message] = args;
    if (typeof run === 'function' && operator === 'throws') refuseEmpty(expected);
    let thrown: { readonly value: unknown } | undefined;
    const watched = (): unknown => {
      try {
        return (run as () => unknown)();
      } catch (value) {
        thrown = { value };
        throw value;
      }
    };
    const rest = typeof run === 'function' ? [watched, ...args.slice(1)] : args;
    try {
      (native()[operator] as (...args: unknown[]) => void)(...rest);
    } catch (error) {
      if (operator === 'throws' && thrown && checkMembers(thrown.value, expected, message, operator)) return;
      throw translate(error, thrown?.value, expected);
    }
  };
}

function rejecting(operator: 'rejects' | 'doesNotReject'): Callback {
  return async (...args: unknown[]): Promise<void> => {
    const [source, expected, message] = args;
    let rejected: { readonly value: unknown } | undefined;
    const watch = (value: unknown): unknown =>
      value instanceof Promise
        ? value.catch((reason: unknown) => {
            rejected = { value: reason };
            throw reason;
          })
        : value;
    const watched = typeof source === 'function' ? () => watch((source as () => unknown)()) : watch(source);
    try {
      await (native()[operator] as (...args: unknown[]) => Promise<void>)(watched, ...args.slice(1));
    } catch (error) {
      if (operator === 'rejects' && rejected && checkMembers(rejected.value, expected, message, operator)) return;
      throw translate(error, rejected?.value, expected);
    }
  };
}

function ifError(error: unknown): void {
  if (error === null || error === undefined) return;
  const { message, constructor } = error as Error;
  const isMessage = typeof error === 'object' && typeof message === 'string';
  const words = isMessage ? message || constructor.name : inspect(error);
  throw failure({
    message: `ifError got unwanted exception: ${words}`,
    actual: error,
    expected: null,
    operator: 'ifError',
  });
}

let made: Record<string, unknown> | undefined;

/** The members of the module, the same for `assert` and `assert/strict`. */
function members(): Record<string, unknown> {
  if (made !== undefined) return made;
  const named = (name: string, target: Callback, length: number) => shaped(target, name, length);
  const strict = named('strict', (...args: never[]) => ok(...args), 2);
  made = {
    Assert: native().Assert,
    AssertionError,
    deepEqual: named('deepEqual', (...args) => deepStrictEqual(...args), 3),
    deepStrictEqual: named('deepStrictEqual', deepStrictEqual, 3),
    doesNotMatch: named('doesNotMatch', matching('doesNotMatch', false, 'string'), 3),
    doesNotReject: named('doesNotReject', rejecting('doesNotReject'), 3),
    doesNotThrow: named('doesNotThrow', throwing('doesNotThrow'), 3),
    equal: named('equal', (...args) => strictEqual(...args), 3),
    fail: named('fail', fail, 1),
    ifError: named('ifError', ifError, 1),
    match: named('match', match, 3),
    notDeepEqual: named('notDeepEqual', (...args) => notDeepStrictEqual(...args), 3),
    notDeepStrictEqual: named('notDeepStrictEqual', notDeepStrictEqual, 3),
    notEqual: named('notEqual', (...args) => notStrictEqual(...args), 3),
    notStrictEqual: named('notStrictEqual', notStrictEqual, 3),
    ok: named('assert', ok, 2),
    partialDeepStrictEqual: named('partialDeepStrictEqual', partialDeepStrictEqual, 3),
    rejects: named('rejects', rejecting('rejects'), 3),
    strict,
    strictEqual: named('strictEqual', strictEqual, 3),
    throws: named('throws', throwing('throws'), 3),
  };
  const { deepStrictEqual: deep, notDeepStrictEqual: notDeep, strictEqual: equal, notStrictEqual: notEqual } = made;
  Object.assign(strict, made, { deepEqual: deep, notDeepEqual: notDeep, equal, notEqual });
  Object.assign(ok, made);
  return made;
}

/** Also `node:assert/strict`: on Workers it is the same. */
export function assert(): { names: Exports; defaultExport: unknown } {
  return { names: members(), defaultExport: members().ok };
}
