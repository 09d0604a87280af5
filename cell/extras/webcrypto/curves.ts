/**
 * The NIST curves in plain arithmetic: for what `node:crypto` does not tell or do (is a point on the curve, compressed points, digests
 * much shorter than the curve's order). Not constant in time: whoever could measure is the worker itself.
 */
import { fillRandom } from '../../random.ts';
import { NativeUint8Array } from '../../primordials.ts';
import { concatBytes, fromBigInt, toBigInt } from './bytes.ts';

export interface Curve {
  readonly name: string;
  /** As `node:crypto` and OpenSSL call it. */
  readonly node: string;
  /** The curve's object identifier, in DER. */
  readonly oid: readonly number[];
  /** Bytes of a coordinate. */
  readonly bytes: number;
  readonly bits: number;
  readonly p: bigint;
  readonly n: bigint;
  readonly b: bigint;
  readonly g: Point;
}

interface Point {
  readonly x: bigint;
  readonly y: bigint;
}

const P256: Curve = {
  name: 'P-256',
  node: 'prime256v1',
  oid: [6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7],
  bytes: 32,
  bits: 256,
  p: 0xffffffff00000001000000000000000000000000ffffffffffffffffffffffffn,
  n: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
  b: 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn,
  g: {
    x: 0x6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296n,
    y: 0x4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5n,
  },
};

const P384: Curve = {
  name: 'P-384',
  node: 'secp384r1',
  oid: [6, 5, 0x2b, 0x81, 4, 0, 0x22],
  bytes: 48,
  bits: 384,
  p: 0xfffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffeffffffff0000000000000000ffffffffn,
  n: 0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n,
  b: 0xb3312fa7e23ee7e4988e056be3f82d19181d9c6efe8141120314088f5013875ac656398d8a2ed19d2a85c8edd3ec2aefn,
  g: {
    x: 0xaa87ca22be8b05378eb1c71ef320ad746e1d3b628ba79b9859f741e082542a385502f25dbf55296c3a545e3872760ab7n,
    y: 0x3617de4a96262c6f5d9e98bf9292dc29f8f41dbd289a147ce9da3113b5f0b8c00a60b1ce1d7e819d7a431d7c90ea0e5fn,
  },
};

const P521: Curve = {
  name: 'P-521',
  node: 'secp521r1',
  oid: [6, 5, 0x2b, 0x81, 4, 0, 0x23],
  bytes: 66,
  bits: 521,
  p: (1n << 521n) - 1n,
  n: 0x1fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409n,
  b: 0x51953eb9618e1c9a1f929a21a0b68540eea2da725b99b315f3b8b489918ef109e156193951ec7e937b1652c0bd3bb1bf073573df883d2c34f1ef451fd46b503f00n,
  g: {
    x: 0xc6858e06b70404e9cd9e3ecb662395b4429c648139053fb521f828af606b4d3dbaa14b5e77efe75928fe1dc127a2ffa8de3348b3c1856a429bf97e7e31c2e5bd66n,
    y: 0x11839296a789a3bc0045c8a5fb42c7d1bd998f54449579b446817afbd17273e662c97ee72995ef42640c550b9013fad0761353c7086a272c24088be94769fd16650n,
  },
};

export const CURVES: readonly Curve[] = [P256, P384, P521];

const mod = (value: bigint, modulus: bigint): bigint => {
  const rest = value % modulus;
  return rest < 0n ? rest + modulus : rest;
};

export function modPow(base: bigint, exponent: bigint, modulus: bigint): bigint {
  let result = 1n;
  let square = mod(base, modulus);
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if ((rest & 1n) === 1n) result = (result * square) % modulus;
    square = (square * square) % modulus;
  }
  return result;
}

export function invert(value: bigint, modulus: bigint): bigint {
  let [a, b] = [mod(value, modulus), modulus];
  let [x, y] = [1n, 0n];
  while (a !== 0n) {
    const quotient = b / a;
    [a, b] = [b - quotient * a, a];
    [x, y] = [y - quotient * x, x];
  }
  return mod(y, modulus);
}

const rightSide = ({ p, b }: Curve, x: bigint): bigint => mod(x * x * x - 3n * x + b, p);

export const isOnCurve = (curve: Curve, x: bigint, y: bigint): boolean =>
  x < curve.p && y < curve.p && mod(y * y, curve.p) === rightSide(curve, x);

/** The point in SEC 1 form, compressed or not; undefined when it is none on the curve. */
export function decodePoint(curve: Curve, bytes: Uint8Array<ArrayBuffer>): Point | undefined {
  const form = bytes[0];
  const size = curve.bytes;
  if (form === 4 && bytes.length === 1 + 2 * size) {
    const x = toBigInt(bytes.subarray(1, 1 + size));
    const y = toBigInt(bytes.subarray(1 + size));
    return isOnCurve(curve, x, y) ? { x, y } : undefined;
  }
  if ((form !== 2 && form !== 3) || bytes.length !== 1 + size) return undefined;
  const x = toBigInt(bytes.subarray(1));
  if (x >= curve.p) return undefined;
  // p ≡ 3 (mod 4) for all three curves.
  const root = modPow(rightSide(curve, x), (curve.p + 1n) >> 2n, curve.p);
  const y = Number(root & 1n) === (form & 1) ? root : curve.p - root;
  return isOnCurve(curve, x, y) ? { x, y } : undefined;
}

/** Jacobian coordinates; z = 0 is the point at infinity. */
interface Projective extends Point {
  readonly z: bigint;
}

const INFINITY: Projective = { x: 1n, y: 1n, z: 0n };

function double({ p }: Curve, { x, y, z }: Projective): Projective {
  if (z === 0n || y === 0n) return INFINITY;
  const yy = (y * y) % p;
  const zz = (z * z) % p;
  const s = (4n * x * yy) % p;
  const m = mod(3n * (x - zz) * (x + zz), p);
  const nextX = mod(m * m - 2n * s, p);
  return { x: nextX, y: mod(m * (s - nextX) - 8n * yy * yy, p), z: mod(2n * y * z, p) };
}

function add(curve: Curve, first: Projective, second: Projective): Projective {
  const { p } = curve;
  if (first.z === 0n) return second;
  if (second.z === 0n) return first;
  const z1 = (first.z * first.z) % p;
  const z2 = (second.z * second.z) % p;
  const u1 = (first.x * z2) % p;
  const s1 = (first.y * z2 * second.z) % p;
  const h = mod(second.x * z1 - u1, p);
  const r = mod(second.y * z1 * first.z - s1, p);
  if (h === 0n) return r === 0n ? double(curve, first) : INFINITY;
  const hh = (h * h) % p;
  const hhh = (hh * h) % p;
  const v = (u1 * hh) % p;
  const x = mod(r * r - hhh - 2n * v, p);
  return { x, y: mod(r * (v - x) - s1 * hhh, p), z: (h * first.z * second.z) % p };
}

function multiply(curve: Curve, point: Point, scalar: bigint): Projective {
  let sum = INFINITY;
  let addend: Projective = { ...point, z: 1n };
  for (let rest = scalar; rest > 0n; rest >>= 1n) {
    if ((rest & 1n) === 1n) sum = add(curve, sum, addend);
    addend = double(curve, addend);
  }
  return sum;
}

function affineX({ p }: Curve, { x, z }: Projective): bigint {
  const inverse = invert(z, p);
  return (x * inverse * inverse) % p;
}

/** The digest as a number, cut to the bits of the order. */
function digestNumber(curve: Curve, digest: Uint8Array): bigint {
  const excess = digest.length * 8 - curve.bits;
  const value = toBigInt(digest);
  return excess > 0 ? value >> BigInt(excess) : value;
}

/** @returns r and s, each as long as a coordinate */
export function signDigest(curve: Curve, privateKey: bigint, digest: Uint8Array): Uint8Array<ArrayBuffer> {
  const { n } = curve;
  const z = digestNumber(curve, digest);
  for (;;) {
    // 64 bits more than the order: no value is noticeably likelier than another.
    const random = new NativeUint8Array(curve.bytes + 8);
    fillRandom(random);
    const k = (toBigInt(random) % (n - 1n)) + 1n;
    const r = affineX(curve, multiply(curve, curve.g, k)) % n;
    const s = mod(invert(k, n) * (z + r * privateKey), n);
    if (r !== 0n && s !== 0n) return concatBytes(fromBigInt(r, curve.bytes), fromBigInt(s, curve.bytes));
  }
}

/** @param signature r and s, each as long as a coordinate */
export function verifyDigest(curve: Curve, publicKey: Point, digest: Uint8Array, signature: Uint8Array): boolean {
  const { n, bytes } = curve;
  const r = toBigInt(signature.subarray(0, bytes));
  const s = toBigInt(signature.subarray(bytes));
  if (r === 0n || s === 0n || r >= n || s >= n) return false;
  const w = invert(s, n);
  const u1 = mod(digestNumber(curve, digest) * w, n);
  const u2 = mod(r * w, n);
  const sum = add(curve, multiply(curve, curve.g, u1), multiply(curve, publicKey, u2));
  return sum.z !== 0n && affineX(curve, sum) % n === r;
}
