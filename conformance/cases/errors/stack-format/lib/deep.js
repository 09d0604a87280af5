export function deep() { return new Error("deep").stack; }
export class K { static s() { return new Error("static").stack; } m() { return new Error("method").stack; } get g() { return new Error("getter").stack; } }
export const viaEval = 1;
