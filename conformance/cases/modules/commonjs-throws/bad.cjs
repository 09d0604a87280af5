globalThis.runs = (globalThis.runs ?? 0) + 1;
exports.partial = 1;
throw new RangeError("bad module");
