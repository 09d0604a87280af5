/** The order in which the objects of a database can be made: each after those it needs. Pure. */

export interface DumpObject {
  readonly key: string;
  readonly statement: string;
  /** `before` the rows, whatever it needs: it holds them, or they are made of it. `behind` them: it reads them when it is made. Or where there is what it needs. */
  readonly place: 'before' | 'behind' | 'any';
}

export interface OrderedObjects {
  readonly beforeRows: readonly string[];
  readonly afterRows: readonly string[];
}

/**
 * Objects that need nothing of one another stay in the order given. Of a ring, which PostgreSQL hardly lets anybody make, one comes too early.
 * @param needs pairs of keys: the first needs the second. Keys of no object are made behind the rows: constraints.
 */
export function orderObjects(
  objects: readonly DumpObject[],
  needs: readonly (readonly [key: string, needed: string])[],
): OrderedObjects {
  const byKey = new Map(objects.map((object) => [object.key, object]));
  const needed = new Map<string, string[]>();
  for (const [key, other] of needs) {
    const known = needed.get(key);
    if (known === undefined) needed.set(key, [other]);
    else known.push(other);
  }
  const isLate = new Map<string, boolean>();
  const beforeRows: string[] = [];
  const afterRows: string[] = [];
  /** An own stack: views on views on views may be many. */
  const visit = (first: DumpObject): void => {
    const stack: { readonly object: DumpObject; next: number }[] = [{ object: first, next: 0 }];
    isLate.set(first.key, false);
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      const { object } = top;
      const others = needed.get(object.key) ?? [];
      const other = byKey.get(others[top.next++] ?? '');
      if (other !== undefined && !isLate.has(other.key)) {
        isLate.set(other.key, false);
        stack.push({ object: other, next: 0 });
      } else if (top.next > others.length) {
        stack.pop();
        const late =
          object.place === 'behind' ||
          (object.place === 'any' && others.some((key) => !byKey.has(key) || isLate.get(key) === true));
        isLate.set(object.key, late);
        (late ? afterRows : beforeRows).push(object.statement);
      }
    }
  };
  for (const object of objects) if (!isLate.has(object.key)) visit(object);
  return { beforeRows, afterRows };
}
