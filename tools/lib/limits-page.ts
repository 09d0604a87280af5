/**
 * The page of limits: every number of shared/limits.ts with its comment. In a comment, `→` begins what happens beyond the limit, up to the next full
 * stop; a group's own goes for those of its limits that have none.
 */
import { readFileSync } from 'node:fs';
import * as limits from '../../shared/limits.ts';

interface Limit {
  readonly name: string;
  readonly about: string;
}

interface Group {
  readonly name: string;
  readonly about: string;
  readonly limits: readonly Limit[];
}

const HEAD = `# Limits

Made by tools/limits-docs.ts from \`shared/limits.ts\`, where each number stands once, with the reason for it. What an operator may change is in
[configuration.md](configuration.md); how an invocation that meets a limit shows in trace events and metrics is in
[operations.md](operations.md#outcomes). \`cpuMs\` and \`subrequests\` may also be set by a Worker (\`limits\` in its wrangler configuration).
`;

const SOURCE = new URL('../../shared/limits.ts', import.meta.url);
const COMMENT = String.raw`\/\*\*((?:[^*]|\*(?!\/))*)\*\/\s*`;

/** The whole page. Throws when a limit or its group has no comment, or stands in a way that is not understood. */
export function limitsPage(): string {
  return `${HEAD}${readGroups().map(section).join('')}`;
}

function readGroups(): Group[] {
  const source = readFileSync(SOURCE, 'utf8');
  const found = [
    ...source.matchAll(new RegExp(`${COMMENT}export const (\\w+) = \\{([\\s\\S]*?)\\n\\} as const;`, 'g')),
  ];
  const groups = found.map(([, about = '', name = '', body = '']) => ({
    name,
    about: plain(about),
    limits: readLimits(body),
  }));
  const exported = Object.entries(limits).filter(([, value]) => typeof value === 'object');
  for (const [name, values] of exported) {
    const group = groups.find((one) => one.name === name);
    for (const key of Object.keys(values)) {
      if (group?.limits.some((one) => one.name === key) !== true)
        throw new Error(`${name}.${key}: the page cannot be made, because it stands otherwise than "key: number,"`);
    }
  }
  return groups;
}

function readLimits(body: string): Limit[] {
  const found = [...body.matchAll(new RegExp(`(?:${COMMENT})?\\n? *(\\w+): [^,]+,`, 'g'))];
  return found.map(([, about, name = '']) => ({ name, about: about === undefined ? '' : plain(about) }));
}

const plain = (comment: string): string =>
  comment
    .replace(/\n\s*\*/g, ' ')
    .replace(/\s+/g, ' ')
    .trim();

function section({ name, about, limits: own }: Group): string {
  const values = (limits as unknown as Record<string, Record<string, number>>)[name] ?? {};
  const [what, otherwise] = split(about);
  const rows = own.map((limit) => {
    if (limit.about === '' && about === '')
      throw new Error(`${name}.${limit.name} has no comment that says what it is`);
    const [reason, beyond = otherwise ?? ''] = split(limit.about);
    return `| \`${limit.name}\` | ${shown(limit.name, values[limit.name] ?? Number.NaN)} | ${cell(reason)} | ${cell(beyond)} |`;
  });
  return `\n## ${name}\n\n${what}\n\n| limit | default | what it bounds, and why | beyond it |\n|---|---|---|---|\n${rows.join('\n')}\n`;
}

/** What a comment says, and what happens beyond the limit. */
function split(about: string): [what: string, beyond: string | undefined] {
  const at = about.indexOf(' → ');
  if (at < 0) return [about, undefined];
  const after = about.slice(at + 3);
  const end = /\.(?= [A-Z…]|$)/.exec(after)?.index ?? after.length;
  const rest = after.slice(end + 1).trim();
  const before = about.slice(0, at);
  const ended = /[….]$/.test(before) ? before : `${before}.`;
  return [rest === '' ? ended : `${ended} ${rest}`, after.slice(0, end)];
}

const cell = (text: string): string => text.replaceAll('|', '\\|');

const KiB = 1024;

/** A number as people say it, with the unit that its name ends with. */
function shown(name: string, value: number): string {
  const count = value.toLocaleString('en-US');
  if (name.endsWith('MsPerMiB')) return `${count} ms a MiB`;
  if (name.endsWith('Ms')) return value >= 1_000 ? `${value / 1_000} s` : `${value} ms`;
  if (name.endsWith('Seconds')) return `${count} s`;
  if (name.endsWith('MiB')) return `${count} MiB`;
  if (/bytes/i.test(name)) return `${bytes(value)}${/PerSecond/i.test(name) ? ' a second' : ''}`;
  return count;
}

function bytes(value: number): string {
  if (value % (KiB * KiB) === 0) return `${value / (KiB * KiB)} MiB`;
  if (value % 1_000_000 === 0) return `${value / 1_000_000} MB`;
  return value % KiB === 0 ? `${value / KiB} KiB` : `${value} bytes`;
}
