/**
 * Cyclic checksums, for `DigestStream` in a cell and for what S3 clients send. All are reflected, with the register inverted at both ends.
 */
export interface RunningDigest {
  update(data: Uint8Array): void;
  digest(): Uint8Array<ArrayBuffer>;
}

// As they are when this is loaded: in a cell user code may put others in their place.
const NativeUint8Array = Uint8Array;
const NativeUint32Array = Uint32Array;

export type CrcName = 'crc32' | 'crc32c' | 'crc64nvme';

function writeU32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = (value >>> 16) & 255;
  bytes[at + 2] = (value >>> 8) & 255;
  bytes[at + 3] = value & 255;
}

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
    digest() {
      const bytes = new NativeUint8Array(4);
      writeU32(bytes, 0, ~register >>> 0);
      return bytes;
    },
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
      writeU32(bytes, 0, ~h >>> 0);
      writeU32(bytes, 4, ~l >>> 0);
      return bytes;
    },
  };
}

/** A checksum of bytes that come one after the other. */
export function startCrc(name: CrcName): RunningDigest {
  if (name === 'crc32') return crc32(0xedb88320);
  return name === 'crc32c' ? crc32(0x82f63b78) : crc64(0x9a6c9329, 0xac4bc9b5);
}
