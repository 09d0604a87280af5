import { createSSRApp, h, ref, computed, defineComponent } from 'vue';
import { renderToString, renderToWebStream } from '@vue/server-renderer';
const Item = defineComponent({ props: ['name'], async setup(p) { await Promise.resolve(); const up = computed(() => p.name.toUpperCase()); return () => h('li', { class: ['a', { b: true }] }, up.value); } });
const App = defineComponent({ setup() { const n = ref(2); return () => h('div', { id: 'app', style: { color: 'red' } }, [h('p', n.value), h('ul', ['x', '<y>'].map((name) => h(Item, { name, key: name })))]); } });
export default { async fetch(request) {
  if (new URL(request.url).pathname === '/stream') return new Response(renderToWebStream(createSSRApp(App)), { headers: { 'content-type': 'text/html' } });
  return new Response(await renderToString(createSSRApp(App)), { headers: { 'content-type': 'text/html' } });
} };
