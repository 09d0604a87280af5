module.exports = {
  thisIsExports: this === exports, thisType: typeof this, same: module.exports === exports, typeofRequire: typeof require,
  dirname: typeof __dirname, filename: typeof __filename, moduleKeys: Object.keys(module), requireKeys: Object.keys(require),
  args: typeof arguments, len: typeof arguments === "undefined" ? -1 : arguments.length, strict: (function () { return this === undefined; })(),
  id: typeof module.id, main: typeof require.main, resolve: typeof require.resolve, moduleTag: Object.prototype.toString.call(module), exportsProto: Object.getPrototypeOf(exports) === Object.prototype,
  requireName: require.name, requireLength: require.length, meta: typeof module.require, loaded: typeof module.loaded,
};
