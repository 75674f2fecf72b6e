import { createHash } from 'node:crypto';
import { GetRecordsCommand, PutRecordsCommand } from '@aws-sdk/client-kinesis';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { freshLog, shardId, startMillis, upperHalf } from './fresh-log.ts';

const hourMillis = 3_600_000;

describe('a record', () => {
  test('goes to the shard whose range holds the MD5 of its key, or its explicit hash key', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 9 }),
        fc.array(fc.string({ minLength: 1, maxLength: 256 }), { minLength: 1, maxLength: 20 }),
        async (shardCount, keys) => {
          const { client, stream, shards } = freshLog();
          await stream('readings', shardCount);
          const hashes = keys.map((key) => BigInt(`0x${createHash('md5').update(key).digest('hex')}`));
          const byKey = keys.map((PartitionKey) => ({ PartitionKey, Data: Buffer.of(1) }));
          const byHash = hashes.map((hash) => ({ PartitionKey: 'k', ExplicitHashKey: `${hash}`, Data: Buffer.of(1) }));
          const ranges = (await shards('readings')).map(({ ShardId, HashKeyRange }) => ({
            ShardId,
            start: BigInt(HashKeyRange?.StartingHashKey ?? ''),
            end: BigInt(HashKeyRange?.EndingHashKey ?? ''),
          }));
          const expected = hashes.map((hash) => ranges.find(({ start, end }) => start <= hash && hash <= end)?.ShardId);
          for (const Records of [byKey, byHash]) {
            const answer = await client.send(new PutRecordsCommand({ StreamName: 'readings', Records }));
            expect(answer.Records?.map(({ ShardId }) => ShardId)).toEqual(expected);
          }
        },
      ),
    );
  });

  test('is read as it was put, in the order of sequence numbers', async () => {
    const { client, clock, stream, iterator } = freshLog();
    await stream('readings');
    await clock.advance(1_234);
    const Records = Array.from({ length: 500 }, (_, index) => ({
      PartitionKey: `key "${index}" ü`,
      Data: Buffer.from([index >> 8, index & 255]),
    }));
    const put = await client.send(new PutRecordsCommand({ StreamName: 'readings', Records }));
    expect(put.FailedRecordCount).toBe(0);
    const ShardIterator = await iterator({ StreamName: 'readings', ShardIteratorType: 'TRIM_HORIZON' });
    const got = await client.send(new GetRecordsCommand({ ShardIterator }));
    expect(got.Records).toEqual(
      Records.map(({ PartitionKey, Data }, index) => ({
        PartitionKey,
        Data: new Uint8Array(Data),
        SequenceNumber: put.Records?.[index]?.SequenceNumber,
        ApproximateArrivalTimestamp: new Date(startMillis + 1_334),
      })),
    );
    const numbers = got.Records?.map(({ SequenceNumber }) => BigInt(SequenceNumber ?? '')) ?? [];
    expect(numbers.every((number, index) => index === 0 || number > (numbers[index - 1] ?? 0n))).toBe(true);
  });

  test('does not change when its writer or a reader changes their copy', async () => {
    const { client, stream, iterator } = freshLog();
    await stream('readings');
    const Data = Buffer.from('kept');
    await client.send(new PutRecordsCommand({ StreamName: 'readings', Records: [{ PartitionKey: 'k', Data }] }));
    Data.fill(0);
    const ShardIterator = await iterator({ StreamName: 'readings', ShardIteratorType: 'TRIM_HORIZON' });
    for (const _ of [1, 2]) {
      const { Records } = await client.send(new GetRecordsCommand({ ShardIterator }));
      expect(Buffer.from(Records?.[0]?.Data ?? []).toString()).toBe('kept');
      Records?.[0]?.Data?.fill(0);
    }
  });
});

describe('a reader', () => {
  test('starts at the trim horizon, at the tip, at a time, at a record or after it', async () => {
    const { clock, stream, put, iterator, read } = freshLog();
    await stream('readings');
    const numbers: string[] = [];
    for (const text of ['a', 'b', 'c']) {
      numbers.push((await put('readings', text)).SequenceNumber);
      await clock.advance(1_000);
    }
    const textsFrom = async (start: Omit<Parameters<typeof iterator>[0], 'StreamName'>) => {
      const token = await iterator({ StreamName: 'readings', ...start });
      return (await read(token)).texts;
    };
    const StartingSequenceNumber = numbers[1] ?? '';
    expect(await textsFrom({ ShardIteratorType: 'TRIM_HORIZON' })).toEqual(['a', 'b', 'c']);
    expect(await textsFrom({ ShardIteratorType: 'LATEST' })).toEqual([]);
    expect(await textsFrom({ ShardIteratorType: 'AT_SEQUENCE_NUMBER', StartingSequenceNumber })).toEqual(['b', 'c']);
    expect(await textsFrom({ ShardIteratorType: 'AFTER_SEQUENCE_NUMBER', StartingSequenceNumber })).toEqual(['c']);
    const at = (millis: number) =>
      textsFrom({ ShardIteratorType: 'AT_TIMESTAMP', Timestamp: new Date(startMillis + 100 + millis) });
    expect(await at(-5_000)).toEqual(['a', 'b', 'c']);
    expect(await at(1_000)).toEqual(['b', 'c']);
    expect(await at(1_001)).toEqual(['c']);
    expect(await at(2_001)).toEqual([]);
  });

  test('that starts at the tip gets every record put from then on, also when it reads late', async () => {
    const { stream, put, iterator, read } = freshLog();
    await stream('readings');
    await put('readings', 'before');
    const latest = await iterator({ StreamName: 'readings', ShardIteratorType: 'LATEST' });
    await put('readings', 'after');
    expect((await read(latest)).texts).toEqual(['after']);
  });

  test('gets every record once, in order, whatever the size of its pages', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 0, max: 4 })),
        fc.integer({ min: 1, max: 5 }),
        async (puts, limit) => {
          const { stream, put, iterator, read } = freshLog();
          await stream('readings');
          let token = await iterator({ StreamName: 'readings', ShardIteratorType: 'LATEST' });
          const seen: string[] = [];
          const all: string[] = [];
          const readOnce = async () => {
            const { texts, NextShardIterator = '' } = await read(token, limit);
            seen.push(...texts);
            token = NextShardIterator;
            return texts.length;
          };
          for (const count of puts) {
            for (let n = 0; n < count; n++) {
              all.push(String(all.length));
              await put('readings', String(all.length - 1));
            }
            await readOnce();
          }
          while ((await readOnce()) > 0);
          expect(seen).toEqual(all);
        },
      ),
    );
  });

  test('learns how far behind it is', async () => {
    const { clock, stream, put, iterator, read } = freshLog();
    await stream('readings');
    await put('readings', 'a');
    await clock.advance(3_000);
    await put('readings', 'b');
    await clock.advance(1_500);
    const token = await iterator({ StreamName: 'readings', ShardIteratorType: 'TRIM_HORIZON' });
    expect((await read(token, 1)).MillisBehindLatest).toBe(4_500);
    await put('readings', 'c');
    const atLast = await iterator({ StreamName: 'readings', ShardIteratorType: 'TRIM_HORIZON' });
    expect((await read(atLast, 2)).MillisBehindLatest).toBe(1_500);
    await put('readings', 'd');
    expect((await read(atLast, 3)).MillisBehindLatest).toBe(1);
    expect((await read(token)).MillisBehindLatest).toBe(0);
  });

  test('gets at most 10 MiB in one answer', async () => {
    const { client, stream, iterator } = freshLog();
    await stream('readings');
    const Data = Buffer.alloc(1_000_000);
    const Records = Array.from({ length: 9 }, () => ({ PartitionKey: 'k', Data }));
    for (const _ of [1, 2]) await client.send(new PutRecordsCommand({ StreamName: 'readings', Records }));
    const ShardIterator = await iterator({ StreamName: 'readings', ShardIteratorType: 'TRIM_HORIZON' });
    const first = await client.send(new GetRecordsCommand({ ShardIterator }));
    expect(first.Records).toHaveLength(10);
    const second = await client.send(new GetRecordsCommand({ ShardIterator: first.NextShardIterator }));
    expect(second.Records).toHaveLength(8);
  });

  test('cannot use an iterator that is older than five minutes', async () => {
    const { clock, stream, iterator, read } = freshLog();
    await stream('readings');
    const token = await iterator({ StreamName: 'readings', ShardIteratorType: 'TRIM_HORIZON' });
    await clock.advance(300_000);
    const { NextShardIterator = '' } = await read(token);
    await clock.advance(1);
    await expect(read(token)).rejects.toMatchObject({
      name: 'ExpiredIteratorException',
      message:
        'Iterator expired. The iterator was created at time Sat Jan 31 12:00:00 UTC 2026 while right now it is ' +
        'Sat Jan 31 12:05:00 UTC 2026 which is further in the future than the tolerated delay of 300000 milliseconds.',
    });
    await read(NextShardIterator);
  });
});

describe('retention', () => {
  test('trims older records, and readers continue from the oldest one left', async () => {
    const { clock, stream, put, iterator, read } = freshLog();
    await stream('readings');
    const { SequenceNumber } = await put('readings', 'old');
    await clock.advance(12 * hourMillis);
    await put('readings', 'new');
    await clock.advance(12 * hourMillis);
    const from = (start: Partial<Parameters<typeof iterator>[0]>) =>
      iterator({ StreamName: 'readings', ShardIteratorType: 'TRIM_HORIZON', ...start });
    expect((await read(await from({}))).texts).toEqual(['old', 'new']);
    await clock.advance(1);
    expect((await read(await from({}))).texts).toEqual(['new']);
    const trimmed = { ShardIteratorType: 'AT_SEQUENCE_NUMBER', StartingSequenceNumber: SequenceNumber } as const;
    expect((await read(await from(trimmed))).texts).toEqual(['new']);
    const early = { ShardIteratorType: 'AT_TIMESTAMP', Timestamp: new Date(startMillis) } as const;
    expect((await read(await from(early))).texts).toEqual(['new']);
  });

  test('that grows brings no expired record back', async () => {
    const { clock, log, stream, put, iterator, read } = freshLog();
    await stream('readings');
    await put('readings', 'expired');
    await clock.advance(24 * hourMillis + 1);
    log.increaseStreamRetentionPeriod({ StreamName: 'readings', RetentionPeriodHours: 48 });
    await clock.advance(100);
    expect((await read(await iterator({ StreamName: 'readings', ShardIteratorType: 'TRIM_HORIZON' }))).texts).toEqual(
      [],
    );
  });

  test('keeps the remaining records in order while thousands are trimmed', async () => {
    const { client, clock, stream, iterator } = freshLog();
    await stream('readings');
    const put = async (from: number) => {
      const numbers = Array.from({ length: 500 }, (_, index) => from + index);
      const Records = numbers.map((number) => ({ PartitionKey: 'k', Data: Buffer.from(String(number)) }));
      await client.send(new PutRecordsCommand({ StreamName: 'readings', Records }));
    };
    for (let batch = 0; batch < 8; batch++) {
      await put(batch * 500);
      await clock.advance(4 * hourMillis);
    }
    const ShardIterator = await iterator({ StreamName: 'readings', ShardIteratorType: 'TRIM_HORIZON' });
    const { Records } = await client.send(new GetRecordsCommand({ ShardIterator }));
    const seen = Records?.map(({ Data }) => Number(Buffer.from(Data ?? []).toString()));
    expect(seen).toEqual(Array.from({ length: 3_000 }, (_, index) => 1_000 + index));
  });
});

test('a shard can be named by its id or by its index alone', async () => {
  const { log, stream, put, read } = freshLog();
  await stream('readings', 2);
  await put('readings', 'lower');
  await put('readings', 'upper', upperHalf);
  for (const ShardId of [shardId(1), '1']) {
    const { ShardIterator = '' } = log.getShardIterator({
      StreamName: 'readings',
      ShardId,
      ShardIteratorType: 'TRIM_HORIZON',
    });
    expect((await read(ShardIterator)).texts).toEqual(['upper']);
  }
});
