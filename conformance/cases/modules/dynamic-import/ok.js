globalThis.counter = (globalThis.counter ?? 0) + 1;
export const ok = 1, counter = globalThis.counter;
export default function () {}
