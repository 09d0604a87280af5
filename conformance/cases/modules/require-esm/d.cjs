exports.x = "root";
