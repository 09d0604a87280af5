throw new RangeError("esm bad");
