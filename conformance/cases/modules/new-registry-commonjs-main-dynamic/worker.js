export default {
  async fetch() {
    const cjs = await import("./c.cjs"), data = await import("./d.bin"), wasm = await import("./add.wasm"), json = await import("./j.json"), text = await import("./t.txt");
    const inst = await WebAssembly.instantiate(wasm.default, {});
    return Response.json({
      cjs: [Object.keys(cjs), cjs.default], data: [Object.keys(data), data.default.constructor.name, data.default.byteLength],
      wasm: [Object.keys(wasm), wasm.default.constructor.name, inst.exports.add(2, 3), Object.prototype.toString.call(inst)], json: [Object.keys(json), json.default], text: [Object.keys(text), text.default],
      sameData: (await import("./d.bin")).default === data.default,
    });
  },
};
