/** Request ids in the form of Cloudflare's: 16 hex digits, a dash, and where it was served. */

const IDS_PER_REFILL = 512;
const HEX_PER_ID = 16;

/**
 * Makes ids such as `8f2c61d0a94be173-node1`. `randomHex(bytes)` gives twice as many hex digits as bytes; it is asked for
 * many ids at once because one call of the system's generator costs more than the rest of the id.
 */
export function rayIds(nodeName: string, randomHex: (bytes: number) => string): () => string {
  const suffix = `-${nodeName.replace(/[^A-Za-z0-9-]/g, '-').slice(0, 63) || 'node'}`;
  let pool = '';
  let offset = 0;
  return () => {
    if (offset === pool.length) {
      pool = randomHex((IDS_PER_REFILL * HEX_PER_ID) / 2);
      offset = 0;
    }
    offset += HEX_PER_ID;
    return pool.slice(offset - HEX_PER_ID, offset) + suffix;
  };
}
