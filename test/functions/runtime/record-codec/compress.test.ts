import { constants, gzipSync, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compress, decompress, isCompressed } from '../../../../functions/runtime/record-codec/compress.ts';
import { MAX_INFLATED_BYTES } from '../../../../functions/runtime/record-codec/decode.ts';
import { aggregateOf, decode, outcome } from './given.ts';

const MIB = 1024 * 1024;
const AGGREGATE = aggregateOf([
  ['a', '{"n":1}'],
  ['b', '{"n":2}'],
]);
/** A skippable frame, which has nothing to inflate. */
const SKIPPABLE = Buffer.from('502a4d1803000000616263', 'hex');

describe('a compressed record', () => {
  test.each<[string, (bytes: Buffer) => Buffer]>([
    ['zstd', compress],
    ['gzip', (bytes) => gzipSync(bytes)],
    ['zstd with a checksum', (bytes) => zstdCompressSync(bytes, { params: { [constants.ZSTD_c_checksumFlag]: 1 } })],
    ['zstd in two frames', (bytes) => Buffer.concat([compress(bytes.subarray(0, 9)), compress(bytes.subarray(9))])],
    ['zstd with a frame to skip', (bytes) => Buffer.concat([compress(bytes), SKIPPABLE])],
    ['gzip in two members', (bytes) => Buffer.concat([gzipSync(bytes.subarray(0, 9)), gzipSync(bytes.subarray(9))])],
    [
      'gzip with zeros between its members',
      (bytes) => Buffer.concat([gzipSync(bytes.subarray(0, 9)), Buffer.alloc(16), gzipSync(bytes.subarray(9))]),
    ],
    ['gzip padded with zeros', (bytes) => Buffer.concat([gzipSync(bytes), Buffer.alloc(8)])],
  ])('is read as the bytes that it inflates to: %s', (_, compressed) => {
    expect(decode(compressed(AGGREGATE)).entries.map(outcome)).toEqual(decode(AGGREGATE).entries.map(outcome));
    expect(decode(compressed(Buffer.from('{"bare":true}'))).entries).toMatchObject([
      { event: { data: { bare: true } } },
    ]);
    expect(decode(compressed(AGGREGATE)).aggregated).toBe(true);
    expect(decode(aggregateOf([['k', compressed(Buffer.from('{"inside":true}'))]])).entries).toMatchObject([
      { event: { data: { inside: true } }, partitionKey: 'k' },
    ]);
  });

  test('inflates to the bytes that were compressed', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 5_000 }), fc.uint8Array({ maxLength: 50 }), (bytes, more) => {
        const both = Buffer.concat([compress(bytes), compress(more)]);
        expect(isCompressed(both, 0)).toBe(true);
        expect(decompress(both, 5_050)).toEqual(Buffer.concat([bytes, more]));
      }),
    );
  });
});

describe('a decompression bomb', () => {
  const bomb = Buffer.alloc(MAX_INFLATED_BYTES + 1);
  const message = `undecodable: compressed: inflates to more than ${MAX_INFLATED_BYTES} bytes`;

  test.each<[string, () => Buffer]>([
    ['zstd', () => compress(bomb)],
    ['gzip', () => gzipSync(bomb)],
    ['zstd in frames that each are allowed', () => Buffer.concat(new Array(65).fill(compress(Buffer.alloc(MIB))))],
    ['gzip in members that each are allowed', () => Buffer.concat(new Array(65).fill(gzipSync(Buffer.alloc(MIB))))],
  ])('is rejected, and is kept as it came: %s', (_, bytesOf) => {
    const bytes = bytesOf();
    const { entries } = decode(bytes);
    expect(entries.map(outcome)).toEqual([message]);
    expect(entries[0]).toHaveProperty('rejection.bytes', bytes);
  });

  test('is measured over all the events of an aggregate', () => {
    const half = compress(Buffer.from(`"${' '.repeat(MAX_INFLATED_BYTES / 2 - 2)}"`));
    const { entries } = decode(
      aggregateOf([
        ['a', half],
        ['a', half],
        ['a', compress(Buffer.from('1'))],
        ['a', '2'],
      ]),
    );
    expect(entries.map((entry) => ('event' in entry ? 'read' : entry.rejection.message))).toEqual([
      'read',
      'read',
      'compressed: inflates to more than 0 bytes',
      'read',
    ]);
  });

  test('is rejected even when its header claims a small size', () => {
    // The frame's header claims a content of 1 byte. The content is a megabyte.
    const frame = compress(Buffer.alloc(MIB));
    expect([frame[4], frame.readUInt32LE(6)]).toEqual([0x80, MIB]);
    frame.writeUInt32LE(1, 6);
    expect(decode(frame).entries.map(outcome)).toEqual([expect.stringMatching(/^undecodable: zstd: /)]);
  });

  test.each([0, 1, 99])('is a record that inflates to 100 bytes where %i are left', (maxBytes) => {
    for (const bytes of [compress(Buffer.alloc(100)), gzipSync(Buffer.alloc(100))]) {
      expect(() => decompress(bytes, maxBytes)).toThrow(`compressed: inflates to more than ${maxBytes} bytes`);
      expect(decompress(bytes, 100)).toHaveLength(100);
    }
  });
});
