/** WebAssembly from a file of the project: it arrives compiled. `src/add.wat` is the same in text. */
import module from './add.wasm';

const { add } = new WebAssembly.Instance(module).exports as { readonly add: (a: number, b: number) => number };

export default {
  fetch(request): Response {
    const { searchParams } = new URL(request.url);
    return Response.json({ sum: add(Number(searchParams.get('a')), Number(searchParams.get('b'))) });
  },
} satisfies ExportedHandler;
