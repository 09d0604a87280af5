/** Checksums that `DigestStream` has beside the cryptographic hashes. All are reflected, with the register inverted at both ends. */
import { NativeUint8Array } from '../../primordials.ts';
import { fromBigInt } from './bytes.ts';
import { sameName } from './text.ts';

export interface RunningDigest {
  update(data: Uint8Array): void;
  digest(): Uint8Array<ArrayBuffer>;
}

const NativeUint32Array = Uint32Array;

function table32(polynomial: number): Uint32Array {
  const table = new NativeUint32Array(256);
  for (let byte = 0; byte < 256; byte++) {
    let value = byte;
    for (let bit = 0; bit < 8; bit++) value = (value & 1) === 1 ? (value >>> 1) ^ polynomial : value >>> 1;
    table[byte] = value;
  }
  return table;
}

function crc32(polynomial: number): RunningDigest {
  const table = table32(polynomial);
  let register = 0xffffffff;
  return {
    update(data) {
      for (let index = 0; index < data.length; index++) {
        register = (table[(register ^ (data[index] as number)) & 255] as number) ^ (register >>> 8);
      }
    },
    digest: () => fromBigInt(BigInt(~register >>> 0), 4),
  };
}

/** Two halves of 32 bits: BigInt would be far slower. */
function crc64(high: number, low: number): RunningDigest {
  const highTable = new NativeUint32Array(256);
  const lowTable = new NativeUint32Array(256);
  for (let byte = 0; byte < 256; byte++) {
    let [h, l] = [0, byte];
    for (let bit = 0; bit < 8; bit++) {
      const out = l & 1;
      l = (l >>> 1) | (h << 31);
      h >>>= 1;
      if (out === 1) [h, l] = [h ^ high, l ^ low];
    }
    highTable[byte] = h;
    lowTable[byte] = l;
  }
  let [h, l] = [0xffffffff, 0xffffffff];
  return {
    update(data) {
      for (let index = 0; index < data.length; index++) {
        const at = (l ^ (data[index] as number)) & 255;
        l = ((l >>> 8) | (h << 24)) ^ (lowTable[at] as number);
        h = (h >>> 8) ^ (highTable[at] as number);
      }
    },
    digest() {
      const bytes = new NativeUint8Array(8);
      bytes.set(fromBigInt(BigInt(~h >>> 0), 4), 0);
      bytes.set(fromBigInt(BigInt(~l >>> 0), 4), 4);
      return bytes;
    },
  };
}

/** Undefined when the name is not a checksum's. */
export function startChecksum(name: string): RunningDigest | undefined {
  if (sameName(name, 'crc32')) return crc32(0xedb88320);
  if (sameName(name, 'crc32c')) return crc32(0x82f63b78);
  return sameName(name, 'crc64nvme') ? crc64(0x9a6c9329, 0xac4bc9b5) : undefined;
}
