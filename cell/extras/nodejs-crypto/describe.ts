/** A value as Node's messages describe it. */
export function describe(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value === 'function') return `function ${value.name}`;
  if (typeof value === 'object') {
    const name = (value.constructor as { name?: string } | undefined)?.name;
    return name === undefined || name === '' ? 'an instance of Object' : `an instance of ${name}`;
  }
  const text =
    typeof value === 'string' ? `'${value}'` : `${String(value as number)}${typeof value === 'bigint' ? 'n' : ''}`;
  return `type ${typeof value} (${text})`;
}
