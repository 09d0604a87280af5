exports.x = 1;
exports["module.exports"] = 4;
