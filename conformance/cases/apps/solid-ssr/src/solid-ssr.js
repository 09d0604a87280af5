import { renderToString, ssr, createComponent } from 'solid-js/web';
import { createSignal, For, Show, createMemo } from 'solid-js';
export default { async fetch() {
  const html = renderToString(() => { const [n] = createSignal(5); const d = createMemo(() => n() * 2); return ['<p>', d(), createComponent(Show, { when: true, children: 'shown' }), createComponent(For, { each: [1, 2], children: (x) => x * 2 })]; });
  return Response.json({ html: String(html) });
} };
