import jwt from 'jsonwebtoken';
import { EventEmitter } from 'node:events';
import { Buffer } from 'node:buffer';
import nunjucks from 'nunjucks/browser/nunjucks.js';
export default { async fetch() {
  const token = jwt.sign({ u: 1, iat: 1700000000 }, 'secret', { algorithm: 'HS256' });
  const e = new EventEmitter(); const got = []; e.on('x', (v) => got.push(v)); e.once('x', (v) => got.push('once' + v)); e.emit('x', 1); e.emit('x', 2);
  return Response.json({ token, ok: jwt.verify(token, 'secret', { ignoreExpiration: true }), bad: (() => { try { jwt.verify(token, 'no'); } catch (e) { return [e.name, e.message]; } })(), got, buf: Buffer.from('héllo').toString('base64') });
} };
