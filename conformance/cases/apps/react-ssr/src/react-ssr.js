import React, { Suspense, use, useState, useId, createContext, useContext } from 'react';
import { renderToReadableStream, renderToString } from 'react-dom/server.edge';
import { renderToStaticMarkup } from 'react-dom/server.browser';
const h = React.createElement;
const Theme = createContext('light');
function Counter({ start }) { const [n] = useState(start); const id = useId(); return h('button', { id, className: useContext(Theme), style: { color: 'red', marginTop: 4 }, onClick() {} }, 'Count: ', n); }
const Slow = ({ data }) => h('ul', null, use(data).map((x) => h('li', { key: x }, x)));
function App({ data }) { return h('html', null, h('head', null, h('title', null, 'App & co')), h('body', null, h(Theme.Provider, { value: 'dark' }, h(Counter, { start: 3 })), h(Suspense, { fallback: h('p', null, 'Loading') }, h(Slow, { data })), h('p', { dangerouslySetInnerHTML: { __html: '<b>raw</b>' } }))); }
export default { async fetch(request) {
  const path = new URL(request.url).pathname;
  if (path === '/static') return new Response(renderToStaticMarkup(h('div', { title: '"q"' }, h(Counter, { start: 1 }), [1, null, false, 'x'])), { headers: { 'content-type': 'text/html' } });
  if (path === '/string') return new Response(renderToString(h(Counter, { start: 2 })), { headers: { 'content-type': 'text/html' } });
  if (path === '/error') { const errors = []; const stream = await renderToReadableStream(h('div', null, h(Suspense, { fallback: 'fallback' }, h(() => { throw new Error('inside'); }))), { onError(e) { errors.push(e.message); } }); await stream.allReady; return new Response((await new Response(stream).text()).includes('fallback') + ' ' + errors.join()); }
  const data = new Promise((r) => setTimeout(() => r(["one", "two"]), 300));
  const stream = await renderToReadableStream(h(App, { data }), { bootstrapScripts: ['/main.js'] });
  if (path === '/all') await stream.allReady;
  return new Response(stream, { headers: { 'content-type': 'text/html' } });
} };
