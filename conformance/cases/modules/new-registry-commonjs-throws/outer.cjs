const rec = (f) => { try { return f(); } catch (e) { return { $error: e.name, $message: e.message }; } };
exports.first = rec(() => require("./bad.cjs"));
exports.second = rec(() => require("./bad.cjs"));
exports.runs = globalThis.runs;
exports.late = "still";
