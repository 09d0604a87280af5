/** Adds to the count of a key. One that comes back to nothing is forgotten: keys are what outsiders choose, and must not pile up. */
export function addTo(counts: Map<string, number>, key: string, change: number): void {
  const count = (counts.get(key) ?? 0) + change;
  if (count === 0) counts.delete(key);
  else counts.set(key, count);
}
