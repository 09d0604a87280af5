import { fromA, hoisted } from "./a.js";
export const fromB = "B";
export let early;
try { early = fromA; } catch (e) { early = { $error: e.name, $message: e.message }; }
early = [early, hoisted()];
export function b() { return "b(" + fromA + ")"; }
export let count = 0;
export const bump = () => { count++; };
