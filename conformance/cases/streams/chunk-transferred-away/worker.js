const transferred = (how) => {
  const chunk = new Uint8Array(65_536).fill(97);
  return new ReadableStream({
    pull(controller) {
      if (how === "before") structuredClone(chunk.buffer, { transfer: [chunk.buffer] });
      controller.enqueue(chunk);
      if (how === "after") structuredClone(chunk.buffer, { transfer: [chunk.buffer] });
      controller.enqueue(new Uint8Array([111, 107]));
      controller.close();
    },
  });
};

export default {
  async fetch(request) {
    const { pathname } = new URL(request.url);
    if (pathname.startsWith("/out/")) return new Response(transferred(pathname.slice(5)));
    try {
      return new Response("text: " + (await new Response(transferred(pathname.slice(4))).text()).length);
    } catch (error) {
      return new Response(`${error.name}: ${error.message}`);
    }
  },
};
