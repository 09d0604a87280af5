/**
 * Bodies belong to the invocation they were made in, as on Workers: another one may look at them but not read them. A worker that keeps
 * a Response in a variable learns it here, and not when it is deployed to Cloudflare.
 */
import { currentInvocation } from './context.ts';
import { NativeError } from './primordials.ts';

/** Made by the harness, outside of any invocation: everybody may read it. */
export const NO_OWNER = 0;

/** The id of the invocation that runs now. */
export const currentOwner = (): number => currentInvocation()?.id ?? NO_OWNER;

/** @throws Error when the body belongs to an invocation and another one runs */
export function requireOwner(owner: number, kind = 'ReadableStreamSource>'): void {
  if (owner === NO_OWNER) return;
  const current = currentOwner();
  if (current === owner || current === NO_OWNER) return;
  throw new NativeError(
    "Cannot perform I/O on behalf of a different request. I/O objects (such as streams, request/response bodies, and others) created in the context of one request handler cannot be accessed from a different request's handler. This is a limitation of Cloudflare Workers which allows us to improve overall performance. (I/O type: " +
      `${kind})`,
  );
}
