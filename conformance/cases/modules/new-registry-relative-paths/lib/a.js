import { b } from "./deep/b.js";
export const a = "a+" + b;
export const again = "again";
