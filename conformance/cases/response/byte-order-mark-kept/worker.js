const MARKED = new Uint8Array([0xef, 0xbb, 0xbf, 0x31]);
const attempt = async (f) => { try { return await f(); } catch (e) { return { $error: e.name, $message: e.message }; } };
const codes = async (text) => [...(await text)].map((c) => c.codePointAt(0));
const streamed = (...chunks) => new ReadableStream({ start(c) { for (const chunk of chunks) c.enqueue(chunk); c.close(); } });
export default {
  async fetch(request) {
    const form = new FormData();
    form.append("f", new Blob([MARKED]), "n");
    return Response.json({
      bytes: await codes(new Response(MARKED).text()),
      text: await codes(new Response("\ufeff1").text()),
      twice: await codes(new Response("\ufeff\ufeff1").text()),
      stream: await codes(new Response(streamed(MARKED)).text()),
      streamOfTwo: await codes(new Response(streamed(MARKED.slice(0, 3), MARKED.slice(3))).text()),
      json: await attempt(() => new Response(MARKED).json()),
      jsonOfText: await attempt(() => new Response("\ufeff1").json()),
      request: await codes(new Request("http://x/", { method: "POST", body: MARKED }).text()),
      incoming: await codes(request.text()),
      blob: await codes(new Blob([MARKED]).text()),
      blobOfBody: await codes((await new Response(MARKED).blob()).text()),
      form: await codes((await new Response(form).formData()).get("f").text()),
      decoder: await codes(new TextDecoder().decode(MARKED)),
    });
  },
};
