import { fromB, b } from "./b.js";
export const fromA = "A";
export function hoisted() { return "hoisted"; }
export const callB = () => b() + fromB;
