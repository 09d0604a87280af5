/** Node's own modules: `nodejs_compat` in wrangler.jsonc is all it takes. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { EventEmitter } from 'node:events';

const context = new AsyncLocalStorage<{ readonly path: string }>();

export default {
  async fetch(request): Promise<Response> {
    const { pathname } = new URL(request.url);
    return await context.run({ path: pathname }, answer);
  },
} satisfies ExportedHandler;

async function answer(): Promise<Response> {
  const heard: string[] = [];
  const emitter = new EventEmitter();
  emitter.on('word', (word: string) => heard.push(word));
  emitter.emit('word', 'buzz');
  await Promise.resolve();
  return Response.json({
    path: context.getStore()?.path,
    sha256: createHash('sha256').update('skep').digest('hex'),
    base64: Buffer.from('honey').toString('base64'),
    heard,
  });
}
