/** An asset of an extra: the bundle holds its name, for `readExtra`. */
declare module '*.wasm' {
  const name: string;
  export default name;
}
