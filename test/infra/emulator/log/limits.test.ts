import {
  CreateStreamCommand,
  GetRecordsCommand,
  ProvisionedThroughputExceededException,
  PutRecordCommand,
  PutRecordsCommand,
} from '@aws-sdk/client-kinesis';
import { describe, expect, test } from 'vitest';
import { freshLog, upperHalf } from './fresh-log.ts';

function limited() {
  const fresh = freshLog({ limits: 'enforced' });
  return {
    ...fresh,
    async putMany(count: number, bytes: number, ExplicitHashKey = '0') {
      const record = { PartitionKey: 'k', ExplicitHashKey, Data: Buffer.alloc(bytes - 1) };
      const Records = Array.from({ length: count }, () => record);
      return fresh.client.send(new PutRecordsCommand({ StreamName: 'readings', Records }));
    },
  };
}

describe('a shard takes', () => {
  test('1,000 records a second, and throttles each further record alone', async () => {
    const { clock, stream, putMany } = limited();
    await stream('readings', 2);
    expect((await putMany(500, 10)).FailedRecordCount).toBe(0);
    expect((await putMany(400, 10)).FailedRecordCount).toBe(0);
    const answer = await putMany(150, 10);
    expect(answer.FailedRecordCount).toBe(50);
    const kinds = answer.Records?.map(({ ErrorCode }) => ErrorCode ?? 'taken');
    expect(kinds).toEqual([...Array(100).fill('taken'), ...Array(50).fill('ProvisionedThroughputExceededException')]);
    expect(answer.Records?.at(-1)).toEqual({
      ErrorCode: 'ProvisionedThroughputExceededException',
      ErrorMessage: 'Rate exceeded for shard shardId-000000000000 in stream readings under account 000000000000.',
    });
    expect((await putMany(1, 10, upperHalf)).FailedRecordCount).toBe(0);
    await clock.advance(1_000);
    expect((await putMany(500, 10)).FailedRecordCount).toBe(0);
  });

  test('one mebibyte a second, keys included', async () => {
    const { clock, stream, putMany } = limited();
    await stream('readings');
    expect((await putMany(5, 262_144)).FailedRecordCount).toBe(1);
    await clock.advance(999);
    expect((await putMany(1, 2)).FailedRecordCount).toBe(1);
    await clock.advance(1);
    expect((await putMany(4, 262_144)).FailedRecordCount).toBe(0);
  });

  test('a smaller record that fits, after a larger one that was throttled', async () => {
    const { client, stream, putMany } = limited();
    await stream('readings');
    await putMany(1, 1_000_000);
    const records = [100_000, 10_000].map((bytes) => ({ PartitionKey: 'k', Data: Buffer.alloc(bytes) }));
    const { Records } = await client.send(new PutRecordsCommand({ StreamName: 'readings', Records: records }));
    expect(Records?.map(({ ErrorCode }) => ErrorCode)).toEqual(['ProvisionedThroughputExceededException', undefined]);
  });

  test('a large record in one burst, charged to the next seconds', async () => {
    const { clock, client, log, stream, putMany } = limited();
    await stream('readings');
    log.updateMaxRecordSize({
      StreamARN: 'arn:aws:kinesis:us-east-1:000000000000:stream/readings',
      MaxRecordSizeInKiB: 10_240,
    });
    await clock.advance(100);
    const large = { StreamName: 'readings', PartitionKey: 'k', Data: Buffer.alloc(4 * 1_048_576 - 1) };
    await client.send(new PutRecordCommand(large));
    await clock.advance(2_999);
    await expect(client.send(new PutRecordCommand(large))).rejects.toBeInstanceOf(
      ProvisionedThroughputExceededException,
    );
    await clock.advance(1_000);
    expect((await putMany(1, 2)).FailedRecordCount).toBe(1);
    await clock.advance(1);
    expect((await putMany(1, 2)).FailedRecordCount).toBe(0);
  });

  test('a record of PutRecord only within its quota', async () => {
    const { stream, put, putMany } = limited();
    await stream('readings');
    for (let n = 0; n < 2; n++) await putMany(500, 2);
    await expect(put('readings', 'x')).rejects.toMatchObject({
      name: 'ProvisionedThroughputExceededException',
      $fault: 'client',
      message: 'Rate exceeded for shard shardId-000000000000 in stream readings under account 000000000000.',
    });
  });
});

describe('a shard gives', () => {
  test('five answers of GetRecords a second', async () => {
    const { clock, stream, iterator, read } = limited();
    await stream('readings');
    const token = await iterator({ StreamName: 'readings', ShardIteratorType: 'LATEST' });
    for (let n = 0; n < 5; n++) await read(token);
    await expect(read(token)).rejects.toBeInstanceOf(ProvisionedThroughputExceededException);
    await clock.advance(1_000);
    await read(token);
  });

  test('2 MiB a second, and nothing for five seconds after 10 MiB', async () => {
    const { client, clock, log, stream, putMany, iterator, read } = limited();
    await stream('readings');
    for (let n = 0; n < 11; n++) {
      await putMany(1, 1_048_576);
      await clock.advance(1_000);
    }
    const token = await iterator({ StreamName: 'readings', ShardIteratorType: 'TRIM_HORIZON' });
    const { Records, NextShardIterator = '' } = await client.send(new GetRecordsCommand({ ShardIterator: token }));
    expect(Records).toHaveLength(10);
    await clock.advance(4_999);
    await expect(read(NextShardIterator)).rejects.toBeInstanceOf(ProvisionedThroughputExceededException);
    await clock.advance(1);
    expect((await read(NextShardIterator)).texts).toHaveLength(1);
    expect(log.listShards({ StreamName: 'readings' }).Shards).toHaveLength(1);
  });

  test('five iterators a second', async () => {
    const { clock, stream, iterator } = limited();
    await stream('readings', 2);
    const get = (shard: number) => iterator({ StreamName: 'readings', shard, ShardIteratorType: 'LATEST' });
    for (let n = 0; n < 5; n++) await get(0);
    await expect(get(0)).rejects.toBeInstanceOf(ProvisionedThroughputExceededException);
    await get(1);
    await clock.advance(1_000);
    await get(0);
  });
});

describe('an account', () => {
  test('creates five streams at a time', async () => {
    const { client, clock } = limited();
    const create = (StreamName: string) => client.send(new CreateStreamCommand({ StreamName, ShardCount: 1 }));
    for (const name of ['a', 'b', 'c', 'd', 'e']) await create(name);
    await expect(create('f')).rejects.toMatchObject({ name: 'LimitExceededException' });
    await clock.advance(100);
    await create('f');
  });

  test('has 20,000 shards', async () => {
    const { client, clock, stream } = limited();
    await client.send(new CreateStreamCommand({ StreamName: 'most', ShardCount: 19_999 }));
    await clock.advance(100);
    await stream('last');
    const oneMore = client.send(new CreateStreamCommand({ StreamName: 'more', ShardCount: 1 }));
    await expect(oneMore).rejects.toThrow('Current shard count for the account: 20000. Limit: 20000.');
  });

  test('changes the shard count of a stream ten times in 24 hours', async () => {
    const { clock, log, stream } = limited();
    await stream('readings');
    const rescale = async (TargetShardCount: number) => {
      log.updateShardCount({ StreamName: 'readings', TargetShardCount, ScalingType: 'UNIFORM_SCALING' });
      await clock.advance(100);
    };
    for (let n = 0; n < 10; n++) await rescale(n % 2 === 0 ? 2 : 1);
    await expect(rescale(2)).rejects.toMatchObject({ name: 'LimitExceededException' });
    await clock.advance(24 * 3_600_000);
    await rescale(2);
  });
});

test('without limits only the size of a call is limited', async () => {
  const { client, stream, iterator, read } = freshLog();
  await stream('readings');
  const Records = Array.from({ length: 500 }, () => ({ PartitionKey: 'k', Data: Buffer.alloc(20_000) }));
  for (let n = 0; n < 4; n++) {
    const { FailedRecordCount } = await client.send(new PutRecordsCommand({ StreamName: 'readings', Records }));
    expect(FailedRecordCount).toBe(0);
  }
  for (let n = 0; n < 20; n++)
    await read(await iterator({ StreamName: 'readings', ShardIteratorType: 'TRIM_HORIZON' }));
  const tooLarge = Array.from({ length: 11 }, () => ({ PartitionKey: 'k', Data: Buffer.alloc(1_000_000) }));
  await expect(client.send(new PutRecordsCommand({ StreamName: 'readings', Records: tooLarge }))).rejects.toMatchObject(
    {
      name: 'InvalidArgumentException',
      message: "Records size exceeds 10 MB limit: the data and keys in 'records' have 11000011 bytes",
    },
  );
});
