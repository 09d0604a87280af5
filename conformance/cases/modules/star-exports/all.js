export * from "./one.js";
export * from "./two.js";
export { one as renamed } from "./one.js";
export { default } from "./two.js";
