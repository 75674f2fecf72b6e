import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MOST_ENTRIES, newAggregate } from '../../../../functions/runtime/record-codec/aggregate.ts';
import { compress } from '../../../../functions/runtime/record-codec/compress.ts';
import { varintLength, writeVarint } from '../../../../functions/runtime/record-codec/protobuf.ts';
import { isAggregate, readAggregate } from '../../../../functions/runtime/record-codec/read-aggregate.ts';
import { aggregateOf, decode, outcome, sealed } from './given.ts';
import { kplAggregate, kplDeaggregate } from './kinesis-agg.ts';

// The package refuses empty data, and its key tables are objects: they lose `__proto__` and put keys like `7` first.
const partitionKey = fc
  .oneof(
    fc.constantFrom('a', 'b', 'customer-7', 'é', '😀', '{'),
    fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }),
  )
  .filter((key) => key.isWellFormed() && key !== '__proto__' && !/^\d+$/.test(key) && [...key].length <= 256);
const data = fc.uint8Array({ minLength: 1, maxLength: 300 }).map((bytes) => Buffer.from(bytes));
const explicitHashKey = fc.option(fc.bigInt({ min: 1n << 32n, max: (1n << 128n) - 1n }).map(String), {
  nil: undefined,
});

function readAll(bytes: Buffer) {
  return readAggregate(bytes).map((part) => {
    if ('problem' in part) throw new Error(part.problem);
    return {
      key: part.partitionKey,
      hashKey: part.explicitHashKey,
      data: bytes.toString('base64', part.start, part.end),
    };
  });
}

describe('an aggregate', () => {
  test('from our writer is read by aws-kinesis-agg', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(partitionKey, data), { minLength: 1, maxLength: 300 }), (events) => {
        const read = kplDeaggregate(aggregateOf(events));
        expect(read.map((record) => [record.partitionKey, record.data, record.explicitPartitionKey])).toEqual(
          events.map(([key, bytes]) => [key, bytes.toString('base64'), undefined]),
        );
      }),
    );
  });

  test('from aws-kinesis-agg is read by our reader, explicit hash keys included', () => {
    const record = fc.record({ partitionKey, explicitHashKey, data });
    fc.assert(
      fc.property(fc.array(record, { minLength: 1, maxLength: 300 }), (records) => {
        const bytes = kplAggregate(records);
        expect(isAggregate(bytes)).toBe(true);
        expect(readAll(bytes)).toEqual(
          records.map(({ partitionKey: key, explicitHashKey: hashKey, data: event }) => ({
            key,
            hashKey: hashKey === undefined ? undefined : BigInt(hashKey),
            data: event.toString('base64'),
          })),
        );
      }),
    );
  });

  test('from our writer has the same bytes as the one from aws-kinesis-agg', () => {
    fc.assert(
      fc.property(fc.array(fc.record({ partitionKey, data }), { minLength: 1, maxLength: 300 }), (records) => {
        expect(aggregateOf(records.map((record) => [record.partitionKey, record.data]))).toEqual(kplAggregate(records));
      }),
    );
  });

  test('takes an event exactly when it has at most `maxBytes` with it', () => {
    const events = fc.array(fc.tuple(partitionKey, fc.uint8Array({ maxLength: 200 })), {
      minLength: 1,
      maxLength: 200,
    });
    fc.assert(
      fc.property(events, fc.nat(), (all, cut) => {
        const whole = aggregateOf(all);
        const fitting = newAggregate({ maxBytes: whole.length });
        expect(all.every(([key, bytes]) => fitting.add(key, bytes))).toBe(true);
        expect(fitting.finish()).toEqual(whole);

        const maxBytes = 20 + (cut % whole.length);
        const limited = newAggregate({ maxBytes });
        const taken = all.filter(([key, bytes]) => limited.add(key, bytes));
        const bytes = limited.finish();
        expect(bytes.length).toBeLessThanOrEqual(maxBytes);
        expect(bytes).toEqual(aggregateOf(taken));
        const refused = all.find((event) => !taken.includes(event));
        if (refused) expect(aggregateOf([...taken, refused]).length).toBeGreaterThan(maxBytes);
      }),
    );
  });

  test('may have more keys than fit into one byte of an index', () => {
    const events = Array.from({ length: 20_000 }, (_, index) => [`key-${index}`, `${index}`] as const);
    const read = readAll(aggregateOf(events));
    expect(read.map(({ key }) => key)).toEqual(events.map(([key]) => key));
  });

  test('may have its key tables after its events, unknown fields, and tags', () => {
    const field = (number: number, bytes: readonly number[]) => [(number << 3) | 2, bytes.length, ...bytes];
    const record = field(3, [
      0x08,
      0,
      0x10,
      0,
      ...field(4, [...field(1, [0x61])]),
      ...field(3, [0x37]),
      0x50,
      0x96,
      0x01,
    ]);
    const message = [
      ...record,
      ...field(9, [1, 2]),
      0x51,
      ...new Array(8).fill(0),
      0x55,
      1,
      2,
      3,
      4,
      ...field(1, [0x6b]),
    ];
    const bytes = sealed(Buffer.from([...message, ...field(2, [0x34, 0x32])]));
    expect(readAll(bytes)).toEqual([{ key: 'k', hashKey: 42n, data: 'Nw==' }]);
    const decoded = decode(bytes);
    expect(decoded.aggregated).toBe(true);
    expect(decoded.entries).toMatchObject([{ partitionKey: 'k', explicitHashKey: 42n, event: { key: 'k', data: 7 } }]);
  });

  test('with more entries than the bound is one dead letter, with the bytes as they came', () => {
    const emptyEntries = (count: number) => compress(sealed(Buffer.alloc(2 * count, Buffer.from([(3 << 3) | 2, 0]))));
    expect(decode(emptyEntries(MOST_ENTRIES)).entries).toHaveLength(MOST_ENTRIES);
    const hostile = emptyEntries(1_000_000);
    const { entries } = decode(hostile);
    expect(entries).toMatchObject([{ rejection: { reason: 'undecodable', bytes: hostile } }]);
    expect(outcome(entries[0]!)).toContain(
      'it has 1000000 entries, the most is 25000: send fewer events in one record',
    );
  });

  test('from our writer has no more entries than the reader takes', () => {
    const aggregate = newAggregate({ maxBytes: Number.POSITIVE_INFINITY });
    for (let count = 0; count < MOST_ENTRIES; count++) expect(aggregate.add('a', Buffer.from('1'))).toBe(true);
    expect(aggregate.add('a', Buffer.from('1'))).toBe(false);
    expect(readAll(aggregate.finish())).toHaveLength(MOST_ENTRIES);
  });

  test('numbers its events from 0, bad ones included', () => {
    const { entries } = decode(
      aggregateOf([
        ['a', '1'],
        ['a', 'x'],
        ['a', '3'],
      ]),
    );
    const positions = entries.map((entry) => ('event' in entry ? entry.event.position : entry.rejection.at));
    expect(positions.map((position) => position.slice(-4))).toEqual(['---' + '-', '---0', '---1']);
    expect(outcome(entries[1]!)).toBe('undecodable: not JSON: unexpected byte 0');
  });
});

describe('varints', () => {
  test('have the length that is computed for them', () => {
    fc.assert(
      fc.property(fc.oneof(fc.nat(300), fc.maxSafeNat()), (value) => {
        expect(writeVarint(Buffer.alloc(10), 0, value)).toBe(varintLength(value));
      }),
    );
  });
});
