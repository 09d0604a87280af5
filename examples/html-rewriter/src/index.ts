/** Rewrites a page while it streams through: every link opens in a new tab, every heading gets an anchor. */
const PAGE = `<!doctype html>
<title>Bees</title>
<h1>About bees</h1>
<p>Read more on <a href="https://example.com/bees">the bees' page</a>.</p>
<h1>About skeps</h1>`;

export default {
  fetch(): Response {
    let headings = 0;
    const page = new Response(PAGE, { headers: { 'content-type': 'text/html; charset=utf-8' } });
    return new HTMLRewriter()
      .on('a[href^="https://"]', {
        element(link) {
          link.setAttribute('target', '_blank').setAttribute('rel', 'noopener');
        },
      })
      .on('h1', {
        element(heading) {
          heading.setAttribute('id', `h${++headings}`);
        },
      })
      .transform(page);
  },
} satisfies ExportedHandler;
