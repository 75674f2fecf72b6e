import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  decodeOrdered,
  encodeOrdered,
  endOfRecord,
  isEndOfRecord,
  LAST_SUB_SEQUENCE,
  type Position,
  positionOf,
  positionsIn,
  START_OF_SHARD,
  sequenceAt,
  sequenceNumberOf,
  subSequenceOf,
} from '../../../functions/runtime/position.ts';

const LARGEST_SEQUENCE_NUMBER = 10n ** 56n - 1n;

/** Numbers of every length. Neighbours differ in few digits, and in how many digits they have. */
const sequenceNumber = fc
  .tuple(fc.integer({ min: 1, max: 56 }), fc.bigInt({ min: 0n, max: LARGEST_SEQUENCE_NUMBER }))
  .map(([digits, value]) => value % 10n ** BigInt(digits));
const subSequence = fc.oneof(fc.nat(5), fc.nat(LAST_SUB_SEQUENCE));
const outputIndex = fc.oneof(fc.nat(5), fc.nat(64 ** 3 - 1));
const place = fc.tuple(sequenceNumber, subSequence, outputIndex);
const neighbours = fc.tuple(place, fc.bigInt({ min: -2n, max: 2n })).map(([[number, sub, output], step]) => {
  const other = number + step;
  return [other < 0n || other > LARGEST_SEQUENCE_NUMBER ? number : other, sub, output] as const;
});

function compareNumbers(a: readonly (bigint | number)[], b: readonly (bigint | number)[]): number {
  for (const [index, value] of a.entries()) {
    const other = b[index]!;
    if (value !== other) return value < other ? -1 : 1;
  }
  return 0;
}

function compareTexts(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1;
}

function sequence([number, sub, output]: readonly [bigint, number, number]): string {
  return sequenceAt(positionOf(number.toString(), sub), output);
}

describe('positions and sequences', () => {
  test('compare as texts in the order of their numbers, up to 56 digits', () => {
    fc.assert(
      fc.property(place, fc.oneof(place, neighbours), (a, b) => {
        expect(compareTexts(sequence(a), sequence(b))).toBe(compareNumbers(a, b));
      }),
      { numRuns: 2_000 },
    );
  });

  test('sort in a key-value store, which compares bytes, as they do in JavaScript', () => {
    fc.assert(
      fc.property(place, place, (a, b) => {
        expect(Buffer.compare(Buffer.from(sequence(a)), Buffer.from(sequence(b)))).toBe(compareNumbers(a, b));
      }),
    );
  });

  test('decode to the numbers that they were made of', () => {
    fc.assert(
      fc.property(place, ([number, sub, output]) => {
        const position = positionOf(number.toString(), sub);
        expect(sequenceNumberOf(position)).toBe(number.toString());
        expect(subSequenceOf(position)).toBe(sub);
        expect(positionsIn(number.toString())(sub)).toBe(position);
        expect(decodeOrdered(sequenceAt(position, output).slice(position.length))).toBe(BigInt(output));
      }),
    );
  });

  test('have a fixed width and only characters that are safe in URLs, object keys and JSON', () => {
    fc.assert(
      fc.property(place, ([number, sub, output]) => {
        expect(positionOf(number.toString(), sub)).toMatch(/^[-0-9A-Za-z_]{36}$/);
        expect(sequence([number, sub, output])).toMatch(/^[-0-9A-Za-z_]{39}$/);
      }),
    );
  });

  test('the end of a record is after all its events and before the next record', () => {
    fc.assert(
      fc.property(sequenceNumber, fc.nat(LAST_SUB_SEQUENCE - 1), (number, sub) => {
        const end = endOfRecord(number.toString());
        expect(end > positionOf(number.toString(), sub)).toBe(true);
        expect(end < positionOf((number + 1n).toString(), 0)).toBe(true);
        expect([isEndOfRecord(end), isEndOfRecord(positionOf(number.toString(), sub))]).toEqual([true, false]);
      }),
    );
  });

  test('the start of a shard is before every event', () => {
    expect(START_OF_SHARD <= positionOf('0', 0)).toBe(true);
    expect(START_OF_SHARD < positionOf('1', 0)).toBe(true);
    expect(START_OF_SHARD).toHaveLength(endOfRecord('0').length);
  });

  test('have the encoding in which they are stored', () => {
    const position = '-VLzI_ka-----5SZXWR-0R50ve----0X---4' as Position;
    expect(positionOf('49590338271490256608559692538361571095921575989136588898', 5)).toBe(position);
    expect(positionOf('0', 0)).toBe('-'.repeat(36));
    expect(positionOf(LARGEST_SEQUENCE_NUMBER.toString(), LAST_SUB_SEQUENCE)).toBe(
      '00FBT8FEPXIxzwT7RxG82H2zzzzzzzzzzzzz',
    );
  });
});

describe('ordered texts', () => {
  test.each<[bigint | number, number]>([
    [64, 1],
    [64n, 1],
    [64 ** 4, 4],
    [1n << 48n, 8],
    [1n << 54n, 9],
    [1n << 192n, 32],
    [-1, 4],
    [-1n, 32],
    [1.5, 4],
    [2 ** 53, 9],
    [Number.NaN, 4],
  ])('refuse %s in %i digits', (value, width) => {
    expect(() => encodeOrdered(value, width)).toThrow(RangeError);
  });

  test('are the same for a number and for a big integer', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), fc.integer({ min: 9, max: 40 }), (value, width) => {
        expect(encodeOrdered(BigInt(value), width)).toBe(encodeOrdered(value, width));
        expect(decodeOrdered(encodeOrdered(value, width))).toBe(BigInt(value));
      }),
    );
  });

  test('name the character that is not a digit', () => {
    expect(() => decodeOrdered('--.-')).toThrow("'.' is not a digit of an ordered text");
  });
});
