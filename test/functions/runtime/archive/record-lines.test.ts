import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  lineOfRecord,
  lineOfShard,
  readLineOfRecord,
  readLineOfShard,
} from '../../../../functions/runtime/archive/record-lines.ts';

const record = fc.record({
  sequenceNumber: fc.bigInt({ min: 1n, max: 10n ** 56n - 1n }).map(String),
  partitionKey: fc.string({ minLength: 1, maxLength: 256, unit: 'grapheme' }),
  data: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
  approximateArrivalMillis: fc.integer({ min: 0, max: 4_000_000_000_000 }),
});

test('a record comes back from its line as it was, whatever its bytes are', () => {
  fc.assert(
    fc.property(record, (given) => {
      const line = lineOfRecord(given);
      expect(line.includes(0x0a)).toBe(false);
      expect(readLineOfRecord(line)).toEqual(given);
    }),
  );
});

test('text stays legible, and what is compressed is not', () => {
  const of = (data: Buffer) => ({ sequenceNumber: '7', partitionKey: 'k', data, approximateArrivalMillis: 0 });
  expect(Buffer.from(lineOfRecord(of(Buffer.from('{"n":1}')))).toString()).toBe(
    String.raw`{"sequenceNumber":"7","arrived":"1970-01-01T00:00:00.000Z","partitionKey":"k","latin1":"{\"n\":1}"}`,
  );
  const zstd = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00]);
  expect(Buffer.from(lineOfRecord(of(zstd))).toString()).toContain('"base64":"KLUv/QA="');
  expect(readLineOfRecord(lineOfRecord(of(zstd))).data).toEqual(zstd);
});

test('the first line of a file says which shard it is of', () => {
  const shard = { id: 'shardId-000000000003', from: 0n, to: 2n ** 128n - 1n, parents: ['shardId-000000000001'] };
  expect(readLineOfShard(lineOfShard(shard))).toEqual(shard);
});
