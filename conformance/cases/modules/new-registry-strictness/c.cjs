const rec = (f) => { try { return f(); } catch (e) { return { $error: e.name, $message: e.message }; } };
module.exports = { undeclared: rec(() => { leaked = 5; return typeof globalThis.leaked; }), that: rec(function () { return this === globalThis; }), del: rec(() => { return delete Object.prototype; }), octal: rec(() => 010), with: typeof exports };
