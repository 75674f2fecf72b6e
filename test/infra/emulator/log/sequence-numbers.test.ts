import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  decodeSequenceNumber,
  encodeSequenceNumber,
  justAfter,
  lastIndex,
} from '../../../../infra/emulator/log/sequence-numbers.ts';

const seconds = fc.integer({ min: 0, max: 16_000_000_000 });
const parts = fc.record({
  shardCreatedSeconds: seconds,
  shardIndex: fc.nat(2 ** 31 - 1),
  index: fc.bigInt({ min: 0n, max: lastIndex }),
  atSeconds: seconds,
});

describe('a sequence number', () => {
  test('has 56 digits and decodes to what it was made of', () => {
    fc.assert(
      fc.property(parts, (given) => {
        const text = encodeSequenceNumber(given);
        expect(text).toMatch(/^\d{56}$/);
        expect(decodeSequenceNumber(text)).toEqual(given);
      }),
    );
  });

  test('decodes a number that AWS gave to its shard and second', () => {
    // The event in Lambda's documentation of Kinesis: shardId-000000000006, approximateArrivalTimestamp 1545084650.987.
    expect(decodeSequenceNumber('49590338271490256608559692538361571095921575989136588898')).toMatchObject({
      shardIndex: 6,
      atSeconds: 1_545_084_650,
    });
  });

  test.each([
    [0, '49600871682957036442365024926191073437251060580128653314'],
    [1, '49600871682979337187563555549332609155523708941634633746'],
    [2, '49600871683001637932762086172474144873796357303140614178'],
  ])(
    'that shard %i of a stream on AWS starts with has index 0 and the same second as the others',
    (shardIndex, text) => {
      // The example of `aws kinesis describe-stream` in the AWS CLI's reference.
      const created = { shardCreatedSeconds: 1_572_297_165, atSeconds: 1_572_297_165 };
      expect(decodeSequenceNumber(text)).toEqual({ ...created, shardIndex, index: 0n });
    },
  );

  test('grows with the index, whatever the time', () => {
    fc.assert(
      fc.property(parts, seconds, fc.bigInt({ min: 1n, max: 1_000n }), (given, atSeconds, gap) => {
        fc.pre(given.index + gap <= lastIndex);
        const earlier = encodeSequenceNumber(given);
        const later = encodeSequenceNumber({ ...given, index: given.index + gap, atSeconds });
        expect(BigInt(later)).toBeGreaterThan(BigInt(earlier));
        expect(later > earlier).toBe(true);
      }),
    );
  });

  test('of a later shard is above every number of an earlier shard', () => {
    fc.assert(
      fc.property(parts, parts, (a, b) => {
        fc.pre(a.shardCreatedSeconds !== b.shardCreatedSeconds);
        const isBefore = a.shardCreatedSeconds < b.shardCreatedSeconds;
        expect(BigInt(encodeSequenceNumber(a)) < BigInt(encodeSequenceNumber(b))).toBe(isBefore);
      }),
    );
  });

  test('is undefined for any other number', () => {
    fc.assert(
      fc.property(parts, (given) => {
        const text = encodeSequenceNumber(given);
        expect(decodeSequenceNumber(justAfter(text))).toBeUndefined();
        expect(decodeSequenceNumber(text.slice(1))).toBeUndefined();
        expect(decodeSequenceNumber(`9${text.slice(1)}`)).toBeUndefined();
      }),
    );
  });
});
