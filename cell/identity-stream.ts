/**
 * `IdentityTransformStream` and `FixedLengthStream`: bytes in, the same bytes out. A write is done when its bytes have been read; there
 * is no queue in between. Also what `new TransformStream()` was before it followed the standard.
 */
import { loadExtra } from './extras.ts';
import { defineLazyGlobal } from './globals.ts';

interface IdentityExtra {
  readonly IdentityTransformStream: object;
  readonly FixedLengthStream: object;
  readonly constructIdentity: (newTarget: { prototype: object }, strategy: unknown) => object;
}

const extra = (): IdentityExtra => loadExtra('identity-stream');

/** A transform stream of that class whose ends pass bytes on unchanged. */
export const constructIdentity = (newTarget: { prototype: object }, strategy: unknown): object =>
  extra().constructIdentity(newTarget, strategy);

/** Defines these and the compression streams, which are made when a worker first names them. */
export function installIdentityStreams(): void {
  defineLazyGlobal('IdentityTransformStream', () => extra().IdentityTransformStream);
  defineLazyGlobal('FixedLengthStream', () => extra().FixedLengthStream);
  for (const name of ['CompressionStream', 'DecompressionStream']) {
    defineLazyGlobal(name, () => loadExtra<Record<string, unknown>>('compression')[name]);
  }
}
