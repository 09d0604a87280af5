const common = require("./common.cjs");
exports.name = "other";
exports.cycle = Object.keys(common);
