const rec = (f) => { try { return f(); } catch (e) { return { $error: e.name, $message: e.message }; } };
exports.one = 1;
exports.esm = rec(() => { const m = require("./esm.js"); return [typeof m, Object.keys(m), m.named]; });
exports.esmFlag = rec(() => { const m = require("./flagged.js"); return [typeof m, Object.keys(m)]; });
