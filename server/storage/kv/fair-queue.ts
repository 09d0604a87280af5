/**
 * What waits, by account and within an account by namespace: each account has its turn, and in it each of its namespaces. What is of one
 * namespace keeps its order. A thousand namespaces bring an account no more turns than one.
 */
export class FairQueue<Item> {
  readonly #accounts = new Map<string, Map<number, Queue<Item>>>();

  push(accountId: string, namespace: number, item: Item): void {
    const namespaces = this.#accounts.get(accountId) ?? new Map<number, Queue<Item>>();
    if (namespaces.size === 0) this.#accounts.set(accountId, namespaces);
    const queue = namespaces.get(namespace);
    if (queue === undefined) namespaces.set(namespace, { items: [item], next: 0 });
    else queue.items.push(item);
  }

  /** Undefined: nothing waits. */
  shift(): Item | undefined {
    for (const [accountId, namespaces] of this.#accounts) {
      const item = shiftFrom(namespaces);
      moveToEnd(this.#accounts, accountId, namespaces, namespaces.size === 0);
      return item;
    }
    return undefined;
  }

  clear(): Item[] {
    const all: Item[] = [];
    for (let item = this.shift(); item !== undefined; item = this.shift()) all.push(item);
    return all;
  }
}

/** An array whose beginning is gone: shifting a long one costs its length. */
interface Queue<Item> {
  readonly items: Item[];
  next: number;
}

const COMPACT_AT = 1_024;

function shiftFrom<Item>(namespaces: Map<number, Queue<Item>>): Item | undefined {
  for (const [namespace, queue] of namespaces) {
    const item = queue.items[queue.next];
    queue.next++;
    if (queue.next >= COMPACT_AT) {
      queue.items.splice(0, queue.next);
      queue.next = 0;
    }
    moveToEnd(namespaces, namespace, queue, queue.next >= queue.items.length);
    return item;
  }
  return undefined;
}

/** The next turn is somebody else's. */
function moveToEnd<Key, Value>(map: Map<Key, Value>, key: Key, value: Value, isEmpty: boolean): void {
  if (map.size === 1 && !isEmpty) return;
  map.delete(key);
  if (!isEmpty) map.set(key, value);
}
