/** Reads the three places settings come from, and says of every value where it was written. Checks names, not values. */
import { parse } from 'smol-toml';
import { nearestWord } from './nearest.ts';
import { SETTING_LIST, flagOf, tomlKeyOf } from './settings.ts';
import type { Setting, SettingKey } from './settings.ts';

/** A value as found. `raw` is text from flags and variables, any TOML value from the file. */
export interface Found {
  readonly raw: unknown;
  /** For messages: `the flag --host`, `the environment variable SKEP_HOST`, `skep.toml:3, host`. */
  readonly where: string;
  readonly fromFile: boolean;
}

export interface Source {
  readonly values: ReadonlyMap<SettingKey, Found>;
  readonly problems: readonly string[];
}

export interface FlagSource extends Source {
  readonly configFile: string | undefined;
}

/** Flags that are no settings. `--help` and `--version` are answered before the configuration is loaded. */
const OTHER_FLAGS = ['--config', '--help', '--version'];

/** Reads `--name value`, `--name=value` and `--name` for a boolean. */
export function readFlags(argv: readonly string[]): FlagSource {
  const values = new Map<SettingKey, Found>();
  const problems: string[] = [];
  const known = new Map(SETTING_LIST.map(([key, setting]) => [flagOf(setting), [key, setting] as const]));
  let configFile: string | undefined;
  const rest = [...argv];
  for (let argument = rest.shift(); argument !== undefined; argument = rest.shift()) {
    const { name, inline } = splitFlag(argument);
    if (name === '--help' || name === '-h' || name === '--version') continue;
    const entry = known.get(name);
    if (entry === undefined && name !== '--config') {
      problems.push(unknownFlag(name, [...known.keys(), ...OTHER_FLAGS]));
      // The value of a flag nobody knows would only cause a second, confusing message.
      if (inline === undefined && name.startsWith('-') && rest[0]?.startsWith('-') === false) rest.shift();
      continue;
    }
    const isBoolean = entry?.[1].type.kind === 'boolean';
    const value = inline ?? (isBoolean ? 'true' : takeValue(rest));
    if (value === undefined) problems.push(`The flag ${name} needs a value, for example ${name}=VALUE, and has none.`);
    else if (entry === undefined) configFile = value;
    else if (values.has(entry[0])) problems.push(`The flag ${name} is given more than once. Give it once.`);
    else values.set(entry[0], { raw: value, where: `the flag ${name}`, fromFile: false });
  }
  return { values, problems, configFile };
}

function splitFlag(argument: string): { name: string; inline: string | undefined } {
  const at = argument.indexOf('=');
  if (!argument.startsWith('--') || at === -1) return { name: argument, inline: undefined };
  return { name: argument.slice(0, at), inline: argument.slice(at + 1) };
}

/** A value may start with a single dash but not look like a flag: a forgotten value must not swallow the next flag. */
function takeValue(rest: string[]): string | undefined {
  return rest[0] === undefined || rest[0].startsWith('--') ? undefined : rest.shift();
}

function unknownFlag(name: string, known: readonly string[]): string {
  if (!name.startsWith('-')) {
    return `Cannot understand the argument "${name}". Allowed are flags, and the commands doctor, backup and restore in front of them. See skep --help.`;
  }
  return `There is no flag ${name}. ${suggestion(nearestWord(name, known), 'skep --help lists all flags.')}`;
}

function suggestion(nearest: string | undefined, otherwise: string): string {
  return nearest === undefined ? otherwise : `Did you mean ${nearest}?`;
}

/** Reads the variables of the schema. An empty variable counts as not set (compose files pass those). */
export function readEnvironment(env: Readonly<Record<string, string | undefined>>): Source {
  const values = new Map<SettingKey, Found>();
  const problems: string[] = [];
  const known = new Map(SETTING_LIST.map(([key, setting]) => [setting.env, key]));
  for (const [name, raw] of Object.entries(env)) {
    if (raw === undefined || raw === '') continue;
    const key = known.get(name);
    if (key !== undefined) values.set(key, { raw, where: `the environment variable ${name}`, fromFile: false });
    else if (name.startsWith('SKEP_') && name !== 'SKEP_CONFIG') {
      const nearest = nearestWord(name, [...known.keys(), 'SKEP_CONFIG']);
      problems.push(
        `There is no setting for the environment variable ${name}. ${suggestion(nearest, 'skep --help lists all of them.')}`,
      );
    }
  }
  return { values, problems };
}

/** Reads the text of a skep.toml. `file` is its name for messages. */
export function readToml(text: string, file: string): Source {
  const values = new Map<SettingKey, Found>();
  const problems: string[] = [];
  const known = new Map(SETTING_LIST.map(([key, setting]) => [tomlKeyOf(setting), key]));
  let table: Record<string, unknown>;
  try {
    table = parse(text, { integersAsBigInt: false });
  } catch (error) {
    return { values, problems: [tomlProblem(error, file)] };
  }
  for (const [name, raw] of Object.entries(table)) {
    const key = known.get(name);
    const place = `${file}:${lineOfKey(text, name)}`;
    if (key !== undefined) values.set(key, { raw, where: `${place}, ${name}`, fromFile: true });
    else {
      const nearest = nearestWord(name, [...known.keys()]);
      problems.push(
        `${place}: there is no setting "${name}". ${suggestion(nearest, 'docs/configuration.md lists all.')}`,
      );
    }
  }
  return { values, problems };
}

function tomlProblem(error: unknown, file: string): string {
  const { line, column, message } = error as { line?: number; column?: number; message?: string };
  // smol-toml appends a drawing of the line; the first line of its message is the reason.
  const reason = (message ?? String(error)).split('\n')[0]?.replace(/^Invalid TOML document: /, '') ?? '';
  return `Cannot read ${file}${line === undefined ? '' : `:${line}:${column}`} as TOML: ${reason}. Correct the line.`;
}

/** The parser keeps no positions of keys, and a top-level key stands at the start of its line or table header. */
function lineOfKey(text: string, name: string): number {
  const escaped = name.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
  const pattern = new RegExp(`^\\s*(?:\\[\\[?\\s*)?["']?${escaped}["']?\\s*[=.\\]]`);
  const index = text.split('\n').findIndex((line) => pattern.test(line));
  return index + 1;
}

/** Turns what was found into what the schema of its kind expects; leaves alone what cannot be turned. */
export function toKind(found: Found, setting: Setting<unknown>): unknown {
  const { raw } = found;
  if (found.fromFile || typeof raw !== 'string') return raw;
  switch (setting.type.kind) {
    case 'text':
      return raw;
    case 'number':
      return /^-?\d+$/.test(raw.trim()) ? Number(raw) : raw;
    case 'boolean':
      return { true: true, '1': true, yes: true, false: false, '0': false, no: false }[raw.toLowerCase()] ?? raw;
    case 'list':
      return raw
        .split(',')
        .map((item) => item.trim())
        .filter((item) => item !== '');
  }
}
