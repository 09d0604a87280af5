/** What BoringSSL, and so workerd, has: hashes, curves, ciphers. */

const DIGESTS: Readonly<Record<string, string>> = {
  __proto__: null as never,
  md4: 'md4',
  md5: 'md5',
  sha1: 'sha1',
  sha224: 'sha224',
  sha256: 'sha256',
  sha384: 'sha384',
  sha512: 'sha512',
  'sha512-256': 'sha512-256',
  'md5-sha1': 'md5-sha1',
  'rsa-md5': 'md5',
  'rsa-sha1': 'sha1',
  'rsa-sha224': 'sha224',
  'rsa-sha256': 'sha256',
  'rsa-sha384': 'sha384',
  'rsa-sha512': 'sha512',
  'dsa-sha': 'sha1',
  'dsa-sha1': 'sha1',
  'ecdsa-with-sha1': 'sha1',
};

/** Deno's name of the digest, or undefined when workerd has none of this name. */
export const findDigest = (name: string): string | undefined => DIGESTS[name.toLowerCase()];

export const getHashes = (): string[] =>
  'md4 md5 sha1 sha224 sha256 sha384 sha512 md5-sha1 RSA-MD5 RSA-SHA1 RSA-SHA224 RSA-SHA256 RSA-SHA384 RSA-SHA512 DSA-SHA DSA-SHA1 ecdsa-with-SHA1'.split(
    ' ',
  );

export const getCurves = (): string[] => ['secp224r1', 'prime256v1', 'secp384r1', 'secp521r1'];

export interface CipherInfo {
  readonly name: string;
  readonly nid: number;
  readonly blockSize: number;
  readonly ivLength: number;
  readonly keyLength: number;
  readonly mode: string;
}

const MODES: readonly (readonly [mode: string, block: number, iv: number, nids: readonly [number, number, number]])[] =
  [
    ['cbc', 16, 16, [419, 423, 427]],
    ['ctr', 1, 16, [904, 905, 906]],
    ['ecb', 16, 0, [418, 422, 426]],
    ['ofb', 1, 16, [420, 424, 428]],
    ['gcm', 1, 12, [895, 898, 901]],
  ];

const OTHERS: Readonly<Record<string, CipherInfo>> = {
  __proto__: null as never,
  'des-cbc': { name: 'DES-CBC', nid: 31, blockSize: 8, ivLength: 8, keyLength: 8, mode: 'cbc' },
  'des-ecb': { name: 'DES-ECB', nid: 29, blockSize: 8, ivLength: 0, keyLength: 8, mode: 'ecb' },
  'des-ede-cbc': { name: 'DES-EDE-CBC', nid: 43, blockSize: 8, ivLength: 8, keyLength: 16, mode: 'cbc' },
  'des-ede3-cbc': { name: 'DES-EDE3-CBC', nid: 44, blockSize: 8, ivLength: 8, keyLength: 24, mode: 'cbc' },
  rc4: { name: 'RC4', nid: 5, blockSize: 1, ivLength: 0, keyLength: 16, mode: 'stream' },
  'chacha20-poly1305': {
    name: 'chacha20-poly1305',
    nid: 950,
    blockSize: 1,
    ivLength: 12,
    keyLength: 32,
    mode: 'stream',
  },
};

/** By name in any case; undefined when workerd has no such cipher. */
export function findCipher(name: string): CipherInfo | undefined {
  const lower = name.toLowerCase();
  const [family, bits, mode] = lower.split('-');
  const size = ['128', '192', '256'].indexOf(bits ?? '');
  const found = MODES.find(([known]) => known === mode);
  if (family !== 'aes' || size < 0 || found === undefined || lower !== `aes-${bits}-${mode}`) return OTHERS[lower];
  const [, blockSize, ivLength, nids] = found;
  const proper = mode === 'gcm' ? `id-aes${bits}-GCM` : lower.toUpperCase();
  return {
    name: proper,
    nid: nids[size] as number,
    blockSize,
    ivLength,
    keyLength: 16 + 8 * size,
    mode: mode as string,
  };
}

function findCipherByNid(nid: number): CipherInfo | undefined {
  for (const name of getCiphers()) {
    const info = findCipher(name);
    if (info?.nid === nid) return info;
  }
  return undefined;
}

/** `crypto.getCipherInfo(nameOrNid, options)` */
export function getCipherInfo(
  nameOrNid: string | number,
  options?: { keyLength?: number; ivLength?: number },
): CipherInfo | undefined {
  const info = typeof nameOrNid === 'string' ? findCipher(nameOrNid) : findCipherByNid(nameOrNid);
  if (info === undefined) return undefined;
  if (options?.keyLength !== undefined && options.keyLength !== info.keyLength) return undefined;
  const ivLength = options?.ivLength ?? info.ivLength;
  const isFlexible = info.mode === 'gcm' && ivLength > 0;
  if (ivLength !== info.ivLength && !isFlexible) return undefined;
  return { ...info, ivLength };
}

const UPPER =
  'AES-128-CBC AES-192-CBC AES-256-CBC AES-128-CTR AES-192-CTR AES-256-CTR AES-128-ECB AES-192-ECB AES-256-ECB AES-128-OFB AES-192-OFB AES-256-OFB AES-128-GCM AES-192-GCM AES-256-GCM DES-CBC DES-ECB DES-EDE DES-EDE-CBC DES-EDE3-CBC RC2-CBC RC4';

export const getCiphers = (): string[] => `${UPPER} ${UPPER.toLowerCase()} chacha20-poly1305`.split(' ');
