/** `console.table`: rows and columns of an array or object as text, in a frame. */
import { isArray, objectKeys } from '../../primordials.ts';
import { isObject } from '../../webidl.ts';

/** A table is for people: more of it is cut off. */
const MAX_ROWS = 100;
const MAX_COLUMNS = 20;
const INDEX = '(index)';
const VALUES = 'Values';

interface Table {
  readonly columns: string[];
  readonly rows: string[][];
}

function rowsOf(data: object, chosen: unknown, show: (value: unknown) => string): Table {
  const columns: string[] = [];
  const cells: Record<string, string>[] = [];
  const keys = objectKeys(data);
  let hasValues = false;
  for (let index = 0; index < keys.length && index < MAX_ROWS; index++) {
    const key = keys[index] as string;
    const value = (data as Record<string, unknown>)[key];
    const row: Record<string, string> = { __proto__: null as never, [INDEX]: key };
    if (isObject(value)) {
      const names = isArray(chosen) ? (chosen as string[]) : objectKeys(value);
      for (let at = 0; at < names.length && at < MAX_COLUMNS; at++) {
        const name = `${names[at] as string}`;
        if (!isListed(columns, name)) columns[columns.length] = name;
        if (name in value) row[name] = show((value as Record<string, unknown>)[name]);
      }
    } else {
      row[VALUES] = show(value);
      hasValues = true;
    }
    cells[cells.length] = row;
  }
  const all = [INDEX];
  for (let index = 0; index < columns.length; index++) all[all.length] = columns[index] as string;
  if (hasValues) all[all.length] = VALUES;
  const rows: string[][] = [];
  for (let index = 0; index < cells.length; index++) {
    const row: string[] = [];
    for (let at = 0; at < all.length; at++) row[at] = (cells[index] as Record<string, string>)[all[at] as string] ?? '';
    rows[index] = row;
  }
  return { columns: all, rows };
}

function isListed(names: readonly string[], wanted: string): boolean {
  for (let index = 0; index < names.length; index++) if (names[index] === wanted) return true;
  return false;
}

function repeated(text: string, count: number): string {
  let result = '';
  for (let index = 0; index < count; index++) result += text;
  return result;
}

function framed(widths: readonly number[], left: string, between: string, right: string): string {
  let line = left;
  for (let index = 0; index < widths.length; index++) {
    line += `${index === 0 ? '' : between}${repeated('─', (widths[index] as number) + 2)}`;
  }
  return line + right;
}

function lineOf(cells: readonly string[], widths: readonly number[]): string {
  let line = '│';
  for (let index = 0; index < widths.length; index++) {
    const cell = cells[index] as string;
    line += ` ${cell}${repeated(' ', (widths[index] as number) - cell.length)} │`;
  }
  return line;
}

/**
 * @param data what to show; not an object: undefined is returned, and it is to be logged as it is
 * @param chosen the columns to show, or undefined for all
 * @param show one value as text
 */
export function tableText(data: unknown, chosen: unknown, show: (value: unknown) => string): string | undefined {
  if (!isObject(data)) return undefined;
  const { columns, rows } = rowsOf(data, chosen, show);
  const widths: number[] = [];
  for (let at = 0; at < columns.length; at++) {
    let width = (columns[at] as string).length;
    for (let index = 0; index < rows.length; index++) {
      const cell = (rows[index] as string[])[at] as string;
      if (cell.length > width) width = cell.length;
    }
    widths[at] = width;
  }
  let text = `${framed(widths, '┌', '┬', '┐')}\n${lineOf(columns, widths)}\n${framed(widths, '├', '┼', '┤')}\n`;
  for (let index = 0; index < rows.length; index++) text += `${lineOf(rows[index] as string[], widths)}\n`;
  return text + framed(widths, '└', '┴', '┘');
}
