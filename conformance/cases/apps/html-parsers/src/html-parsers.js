import { Parser } from 'htmlparser2';
import * as cheerio from 'cheerio/slim';
export default { async fetch() {
  const events = []; const p = new Parser({ onopentag(n, a) { events.push(['open', n, a]); }, ontext(t) { events.push(['text', t]); }, onclosetag(n) { events.push(['close', n]); }, oncomment(c) { events.push(['comment', c]); } }, { decodeEntities: true });
  p.write('<div class="x">a &amp; b<!-- c --><img src=1>'); p.write('</div>'); p.end();
  const $ = cheerio.load('<ul><li class="a">One</li><li>Two</li></ul><table><tr><td>1'); $('li').each((i, e) => { $(e).attr('data-i', String(i)); }); $('ul').append('<li>Three</li>');
  return Response.json({ events, html: $.html(), texts: $('li').map((i, e) => $(e).text()).get(), first: $('li.a').next().text() });
} };
