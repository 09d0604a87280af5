/**
 * Contents that are being received: they take disk before any object names them, and each that is streamed holds a file open. What a bucket
 * holds counts them, and no account may have so many that others find no descriptor left.
 */
import { addTo } from '../../../shared/counts.ts';
import { R2_LIMITS } from '../../../shared/limits.ts';
import { type BucketRecord, type Content, R2Error } from './types.ts';

export class ArrivingContents {
  readonly #bytesByBucket = new Map<string, number>();
  readonly #streamsByAccount = new Map<string, number>();
  #streams = 0;

  /** Announced bytes of all contents that arrive for a bucket. */
  bytesFor(bucketId: string): number {
    return this.#bytesByBucket.get(bucketId) ?? 0;
  }

  /** A content begins; the function that it returns says that it is over. @throws R2Error tooManyUploads */
  begin({ id, accountId }: BucketRecord, content: Content, size: number): () => void {
    const stream = content instanceof Uint8Array ? 0 : 1;
    const own = this.#streamsByAccount.get(accountId) ?? 0;
    const { maxArrivingContents, maxArrivingContentsPerAccount } = R2_LIMITS;
    if (stream > 0 && (own >= maxArrivingContentsPerAccount || this.#streams >= maxArrivingContents)) {
      throw new R2Error('tooManyUploads');
    }
    this.#streams += stream;
    addTo(this.#streamsByAccount, accountId, stream);
    addTo(this.#bytesByBucket, id, size);
    return () => {
      this.#streams -= stream;
      addTo(this.#streamsByAccount, accountId, -stream);
      addTo(this.#bytesByBucket, id, -size);
    };
  }
}
