/** shared/frames.ts: what is cut into frames does not depend on how the bytes arrive. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  encodeFrame,
  encodeFullFrame,
  FrameError,
  FrameReader,
  readU32,
  splitFull,
  writeU32,
} from '../../shared/frames.ts';

interface Seen {
  readonly type: number;
  readonly stream: number;
  readonly payload: readonly number[];
}

const frames = fc.array(
  fc.record({
    type: fc.integer({ min: 0, max: 255 }),
    stream: fc.nat(0xffffffff),
    payload: fc.uint8Array({ maxLength: 300 }),
  }),
  { maxLength: 20 },
);
const cuts = fc.array(fc.integer({ min: 1, max: 64 }), { minLength: 1, maxLength: 40 });

/** Feeds the bytes in pieces of the given sizes, each in one buffer that is overwritten afterwards, as sockets do. */
function readIn(bytes: Uint8Array, sizes: readonly number[], maxFrameBytes = 1 << 20): Seen[] {
  const seen: Seen[] = [];
  const reader = new FrameReader(maxFrameBytes, (type, stream, payload) =>
    seen.push({ type, stream, payload: [...payload] }),
  );
  const shared = new Uint8Array(64);
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const piece = bytes.subarray(at, at + (sizes[turn % sizes.length] as number));
    shared.set(piece);
    reader.push(shared.subarray(0, piece.length));
    shared.fill(0xee);
    at += piece.length;
  }
  return seen;
}

test('any split of the bytes gives the same frames, although the reader’s input buffer is reused', () => {
  fc.assert(
    fc.property(frames, cuts, (list, sizes) => {
      const bytes = Buffer.concat(list.map(({ type, stream, payload }) => encodeFrame(type, stream, payload)));
      assert.deepEqual(
        readIn(bytes, sizes),
        list.map(({ type, stream, payload }) => ({ type, stream, payload: [...payload] })),
      );
    }),
  );
});

test('frames handed over in pieces bring the same bytes in the same order, other frames come whole', () => {
  fc.assert(
    fc.property(frames, cuts, (list, sizes) => {
      const bytes = Buffer.concat(list.map(({ type, stream, payload }) => encodeFrame(type, stream, payload)));
      const inPieces = (type: number): boolean => type % 2 === 0;
      const seen: { type: number; stream: number; payload: number[] }[] = [];
      const left = new Map<number, number>();
      let expected = 0;
      const reader = new FrameReader(
        1 << 20,
        (type, stream, payload) => {
          const frame = list[expected] as (typeof list)[number];
          const last = seen.at(-1);
          if (left.has(expected)) (last as { payload: number[] }).payload.push(...payload);
          else seen.push({ type, stream, payload: [...payload] });
          const missing = (left.get(expected) ?? frame.payload.length) - payload.length;
          assert.ok(missing >= 0 && (missing === 0 || inPieces(frame.type)));
          left.set(expected, missing);
          if (missing === 0) expected++;
        },
        inPieces,
      );
      for (let at = 0, turn = 0; at < bytes.length; turn++) {
        const size = sizes[turn % sizes.length] as number;
        reader.push(Uint8Array.from(bytes.subarray(at, at + size)));
        at += size;
      }
      assert.deepEqual(
        seen,
        list.map(({ type, stream, payload }) => ({ type, stream, payload: [...payload] })),
      );
    }),
  );
});

test('a full frame gives back head and body, whatever their lengths', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 500 }),
      fc.uint8Array({ maxLength: 500 }),
      fc.nat(0xffffffff),
      (head, body, stream) => {
        let split: { head: Uint8Array; body: Uint8Array } | undefined;
        const reader = new FrameReader(4096, (type, seenStream, payload) => {
          assert.deepEqual([type, seenStream], [40, stream]);
          split = splitFull(Uint8Array.from(payload));
        });
        reader.push(encodeFullFrame(40, stream, head, body));
        assert.deepEqual(
          [[...(split as { head: Uint8Array }).head], [...(split as { body: Uint8Array }).body]],
          [[...head], [...body]],
        );
      },
    ),
  );
});

test('a full frame whose head length lies is refused', () => {
  assert.throws(() => splitFull(new Uint8Array(3)), /too short/);
  const lying = new Uint8Array(8);
  writeU32(lying, 0, 5);
  assert.throws(() => splitFull(lying), /longer than its frame/);
  writeU32(lying, 0, 4);
  assert.equal(splitFull(lying).head.length, 4);
});

test('a frame at the limit is read, one byte more is refused before its bytes have come', () => {
  const limit = 100;
  const atLimit = encodeFrame(1, 1, new Uint8Array(limit - 5));
  assert.equal(readIn(atLimit, [7], limit).length, 1);
  const above = encodeFrame(1, 1, new Uint8Array(limit - 4)).subarray(0, 9);
  assert.throws(() => readIn(above, [9], limit), FrameError);
});

test('a length too short for a header is refused', () => {
  for (const length of [0, 1, 4]) {
    const bytes = new Uint8Array(16);
    writeU32(bytes, 0, length);
    assert.throws(() => readIn(bytes, [16]), FrameError);
  }
});

test('rubbish is either refused or read as frames within the limit, and never kept without bound', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 2000 }), cuts, (bytes, sizes) => {
      try {
        for (const { payload } of readIn(bytes, sizes, 256)) assert.ok(payload.length <= 251);
      } catch (error) {
        assert.ok(error instanceof FrameError);
      }
    }),
  );
});

test('32-bit numbers are little-endian and survive at every size', () => {
  fc.assert(
    fc.property(fc.nat(0xffffffff), (value) => {
      const bytes = new Uint8Array(6);
      writeU32(bytes, 1, value);
      assert.equal(readU32(bytes, 1), value);
      assert.equal(Buffer.from(bytes).readUInt32LE(1), value);
    }),
  );
});
