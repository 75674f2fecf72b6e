import {
  GetRecordsCommand,
  ListShardsCommand,
  type ListShardsInput,
  MergeShardsCommand,
  PutRecordCommand,
  type Shard,
  SplitShardCommand,
  UpdateShardCountCommand,
} from '@aws-sdk/client-kinesis';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { freshLog, shardId, startMillis, upperHalf } from './fresh-log.ts';

const last = (2n ** 128n - 1n).toString();

function resharding() {
  const fresh = freshLog();
  const { client, clock } = fresh;
  return {
    ...fresh,
    async split(shard: number, NewStartingHashKey: string) {
      await client.send(
        new SplitShardCommand({ StreamName: 'readings', ShardToSplit: shardId(shard), NewStartingHashKey }),
      );
      await clock.advance(100);
    },
    async merge(shard: number, adjacent: number) {
      const shards = { ShardToMerge: shardId(shard), AdjacentShardToMerge: shardId(adjacent) };
      await client.send(new MergeShardsCommand({ StreamName: 'readings', ...shards }));
      await clock.advance(100);
    },
    async rescale(TargetShardCount: number) {
      const input = { StreamName: 'readings', TargetShardCount, ScalingType: 'UNIFORM_SCALING' } as const;
      const answer = await client.send(new UpdateShardCountCommand(input));
      await clock.advance(100);
      return answer;
    },
    async list(input: Partial<ListShardsInput>) {
      const answer = await client.send(new ListShardsCommand(input));
      return { ids: answer.Shards?.map(({ ShardId }) => Number(ShardId?.slice(-12))), token: answer.NextToken };
    },
  };
}

describe('a split', () => {
  test('ends reading the parent with the ids of its children, which divide its range', async () => {
    const { stream, put, split, shards, iterator, read } = resharding();
    await stream('readings');
    const { SequenceNumber: parentNumber } = await put('readings', 'parent');
    const open = await iterator({ StreamName: 'readings', ShardIteratorType: 'LATEST' });
    await split(0, upperHalf);
    const [parent, lower, upper] = await shards('readings');
    expect(parent?.SequenceNumberRange?.EndingSequenceNumber).toMatch(/^\d{56}$/);
    const below = (2n ** 127n - 1n).toString();
    const lowerRange = { StartingHashKey: '0', EndingHashKey: below };
    const upperRange = { StartingHashKey: upperHalf, EndingHashKey: last };
    expect(lower).toMatchObject({ ShardId: shardId(1), ParentShardId: shardId(0), HashKeyRange: lowerRange });
    expect(upper).toMatchObject({ ShardId: shardId(2), ParentShardId: shardId(0), HashKeyRange: upperRange });
    expect([lower?.AdjacentParentShardId, upper?.AdjacentParentShardId]).toEqual([undefined, undefined]);

    const ChildShards = [
      { ShardId: shardId(1), ParentShards: [shardId(0)], HashKeyRange: lowerRange },
      { ShardId: shardId(2), ParentShards: [shardId(0)], HashKeyRange: upperRange },
    ];
    const ended = { $metadata: expect.anything(), ChildShards, MillisBehindLatest: 0 };
    expect(await read(open)).toEqual({ texts: [], ...ended });
    const start = await iterator({ StreamName: 'readings', ShardIteratorType: 'TRIM_HORIZON' });
    expect(await read(start)).toEqual({ texts: ['parent'], ...ended });
    const end = await iterator({ StreamName: 'readings', ShardIteratorType: 'LATEST' });
    expect(await read(end)).toEqual({ texts: [], ...ended });

    const child = await put('readings', 'child');
    expect(child.ShardId).toBe(shardId(1));
    expect(BigInt(child.SequenceNumber)).toBeGreaterThan(BigInt(parentNumber));
  });

  test('leaves the parent open until the update is over', async () => {
    const { client, clock, stream, put, shards } = resharding();
    await stream('readings');
    const input = { StreamName: 'readings', ShardToSplit: shardId(0), NewStartingHashKey: upperHalf };
    await client.send(new SplitShardCommand(input));
    await clock.advance(99);
    expect((await put('readings', 'still')).ShardId).toBe(shardId(0));
    await expect(client.send(new SplitShardCommand(input))).rejects.toThrow('not ACTIVE, instead in state UPDATING');
    expect(await shards('readings')).toHaveLength(1);
    await clock.advance(1);
    expect((await put('readings', 'now')).ShardId).toBe(shardId(1));
  });

  test.each([
    ['at the start of the shard', '0', 0],
    ['one above the start of the shard', '1', 0],
    ['at the end of the shard', (2n ** 127n - 1n).toString(), 0],
    ['in another shard', upperHalf, 0],
  ])('%s is refused', async (_, newStart, shard) => {
    const { stream, split } = resharding();
    await stream('readings', 2);
    await expect(split(shard, newStart)).rejects.toMatchObject({
      name: 'InvalidArgumentException',
      message: expect.stringContaining(
        `NewStartingHashKey ${newStart} used in SplitShard() on shard ${shardId(shard)}`,
      ),
    });
  });

  test('of a closed shard is refused', async () => {
    const { stream, split } = resharding();
    await stream('readings');
    await split(0, upperHalf);
    await expect(split(0, '1000')).rejects.toThrow(
      'Shard shardId-000000000000 in stream readings under account 000000000000 has already been merged or split',
    );
  });
});

describe('a merge', () => {
  test.each([
    [0, 1],
    [1, 0],
  ])('of shards %i and %i gives one child that both parents name', async (shard, adjacent) => {
    const { stream, put, merge, shards, iterator, read } = resharding();
    await stream('readings', 2);
    await put('readings', 'lower');
    await put('readings', 'upper', upperHalf);
    await merge(shard, adjacent);
    const HashKeyRange = { StartingHashKey: '0', EndingHashKey: last };
    const child = (await shards('readings'))[2];
    expect(child).toMatchObject({
      ShardId: shardId(2),
      ParentShardId: shardId(shard),
      AdjacentParentShardId: shardId(adjacent),
      HashKeyRange,
    });
    const ParentShards = [shardId(shard), shardId(adjacent)];
    for (const [parent, text] of ['lower', 'upper'].entries()) {
      const token = await iterator({ StreamName: 'readings', shard: parent, ShardIteratorType: 'TRIM_HORIZON' });
      const { texts, ChildShards } = await read(token);
      expect({ texts, ChildShards }).toEqual({
        texts: [text],
        ChildShards: [{ ShardId: shardId(2), ParentShards, HashKeyRange }],
      });
    }
  });

  test('of shards that do not adjoin, or of a shard with itself, is refused', async () => {
    const { stream, merge } = resharding();
    await stream('readings', 3);
    for (const [shard, adjacent] of [[0, 2] as const, [2, 0] as const, [1, 1] as const]) {
      await expect(merge(shard, adjacent)).rejects.toThrow('are not an adjacent pair of shards eligible for merging');
    }
  });
});

describe('UpdateShardCount', () => {
  test('returns the counts and leaves equal open shards, by way of shards that lived for a moment', async () => {
    const { stream, rescale, list, shards } = resharding();
    await stream('readings', 2);
    expect(await rescale(3)).toMatchObject({
      StreamName: 'readings',
      StreamARN: 'arn:aws:kinesis:us-east-1:000000000000:stream/readings',
      CurrentShardCount: 2,
      TargetShardCount: 3,
    });
    const { ids } = await list({ StreamName: 'readings', ShardFilter: { Type: 'AT_LATEST' } });
    expect(ids).toEqual([2, 5, 6]);
    const all = await shards('readings');
    // The ranges of a stream with three shards, from the example in the API reference of DescribeStream.
    expect(ids?.map((id) => all[id]?.HashKeyRange?.StartingHashKey).sort()).toEqual([
      '0',
      '113427455640312821154458202477256070485',
      '226854911280625642308916404954512140970',
    ]);
    expect(all[6]).toMatchObject({ ParentShardId: shardId(3), AdjacentParentShardId: shardId(4) });
  });

  test('doubles by splitting each shard once and halves by merging each pair once', async () => {
    const { stream, rescale, shards } = resharding();
    await stream('readings', 3);
    await rescale(6);
    expect(await shards('readings')).toHaveLength(3 + 6);
    await rescale(3);
    expect(await shards('readings')).toHaveLength(3 + 6 + 3);
  });

  test.each([
    [4, 9, 'scale up to more than double'],
    [4, 1, 'scale down below half'],
    [5, 2, 'scale down below half'],
  ])('from %i to %i is refused', async (current, target, message) => {
    const { stream, rescale } = resharding();
    await stream('readings', current);
    await expect(rescale(target)).rejects.toMatchObject({
      name: 'InvalidArgumentException',
      message: expect.stringContaining(message),
    });
  });
});

describe('ListShards', () => {
  test('filters by which shards were open at a time', async () => {
    const { clock, stream, split, list } = resharding();
    await stream('readings');
    await clock.advance(1_000);
    await split(0, upperHalf); // closes at 1,200 milliseconds
    await clock.advance(1_000);
    await split(1, '1000'); // closes at 2,300 milliseconds
    const listing = async (filter: ListShardsInput['ShardFilter']) =>
      (await list({ StreamName: 'readings', ShardFilter: filter })).ids;
    const at = (millis: number) => new Date(startMillis + millis);
    expect(await listing(undefined)).toEqual([0, 1, 2, 3, 4]);
    expect(await listing({ Type: 'FROM_TRIM_HORIZON' })).toEqual([0, 1, 2, 3, 4]);
    expect(await listing({ Type: 'AT_TRIM_HORIZON' })).toEqual([0]);
    expect(await listing({ Type: 'AT_LATEST' })).toEqual([2, 3, 4]);
    expect(await listing({ Type: 'AFTER_SHARD_ID', ShardId: shardId(2) })).toEqual([3, 4]);
    expect(await listing({ Type: 'AT_TIMESTAMP', Timestamp: at(1_199) })).toEqual([0]);
    expect(await listing({ Type: 'AT_TIMESTAMP', Timestamp: at(1_201) })).toEqual([1, 2]);
    expect(await listing({ Type: 'AT_TIMESTAMP', Timestamp: at(-1_000) })).toEqual([0]);
    expect(await listing({ Type: 'FROM_TIMESTAMP', Timestamp: at(1_201) })).toEqual([1, 2, 3, 4]);
    expect(await listing({ Type: 'FROM_TIMESTAMP', Timestamp: at(2_301) })).toEqual([2, 3, 4]);
  });

  test('leaves out closed shards whose records have all expired, and those can no longer be read', async () => {
    const { clock, stream, put, split, list, iterator } = resharding();
    await stream('readings');
    await put('readings', 'old');
    await split(0, upperHalf);
    await clock.advance(24 * 3_600_000);
    expect((await list({ StreamName: 'readings' })).ids).toEqual([0, 1, 2]);
    await clock.advance(1);
    expect((await list({ StreamName: 'readings' })).ids).toEqual([1, 2]);
    expect((await list({ StreamName: 'readings', ShardFilter: { Type: 'AT_TRIM_HORIZON' } })).ids).toEqual([1, 2]);
    const gone = iterator({ StreamName: 'readings', ShardIteratorType: 'TRIM_HORIZON' });
    await expect(gone).rejects.toMatchObject({ name: 'ResourceNotFoundException' });
  });

  test('continues from a token, with the same filter, for five minutes', async () => {
    const { clock, stream, rescale, list } = resharding();
    await stream('readings', 2);
    await rescale(4);
    const first = await list({ StreamName: 'readings', MaxResults: 3, ShardFilter: { Type: 'AT_LATEST' } });
    expect(first.ids).toEqual([2, 3, 4]);
    await clock.advance(300_000);
    const NextToken = first.token ?? '';
    expect(await list({ NextToken })).toEqual({ ids: [5], token: undefined });
    await expect(list({ NextToken, StreamName: 'readings' })).rejects.toThrow('NextToken and StreamName cannot');
    await clock.advance(1);
    await expect(list({ NextToken })).rejects.toMatchObject({ name: 'ExpiredNextTokenException' });
  });

  test('distinguishes streams of one name by their time of creation', async () => {
    const { stream, list } = resharding();
    await stream('readings');
    const listing = (millis: number) =>
      list({ StreamName: 'readings', StreamCreationTimestamp: new Date(startMillis + millis) });
    expect((await listing(0)).ids).toEqual([0]);
    await expect(listing(5_000)).rejects.toMatchObject({ name: 'ResourceNotFoundException' });
  });
});

type Reshard =
  | { kind: 'split'; shard: number; at: number }
  | { kind: 'merge'; shard: number }
  | { kind: 'rescale'; to: number };

const reshard: fc.Arbitrary<Reshard> = fc.oneof(
  fc.record({ kind: fc.constant('split' as const), shard: fc.nat(7), at: fc.integer({ min: 1, max: 99 }) }),
  fc.record({ kind: fc.constant('merge' as const), shard: fc.nat(7) }),
  fc.record({ kind: fc.constant('rescale' as const), to: fc.integer({ min: 1, max: 8 }) }),
);

test("random resharding keeps every hash key in one open shard, starts children above their parents' end and loses no record", async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 4 }), fc.array(reshard, { maxLength: 6 }), async (count, steps) => {
      const { client, clock, log, stream, shards, iterator } = resharding();
      await stream('readings', count);
      const put: string[] = [];
      const putSome = async () => {
        for (let n = 0; n < 5; n++) {
          const input = {
            StreamName: 'readings',
            PartitionKey: `key-${put.length}`,
            Data: Buffer.from(`${put.length}`),
          };
          const { SequenceNumber = '' } = await client.send(new PutRecordCommand(input));
          put.push(SequenceNumber);
        }
      };
      for (const step of steps) {
        await putSome();
        applyReshard(log, await shards('readings'), step);
        await clock.advance(100);
      }
      await putSome();
      const all = await shards('readings');
      expectCover(all);
      expectGrowth(all);
      const read: (string | undefined)[] = [];
      for (const index of all.keys()) {
        const token = await iterator({ StreamName: 'readings', shard: index, ShardIteratorType: 'TRIM_HORIZON' });
        const { Records } = await client.send(new GetRecordsCommand({ ShardIterator: token }));
        read.push(...(Records?.map(({ SequenceNumber }) => SequenceNumber) ?? []));
        expectInRange(all[index], Records?.map(({ SequenceNumber = '' }) => SequenceNumber) ?? []);
      }
      expect(read.toSorted()).toEqual(put.toSorted());
    }),
  );
});

function openShards(shards: Shard[]): Shard[] {
  const start = ({ HashKeyRange }: Shard) => BigInt(HashKeyRange?.StartingHashKey ?? '');
  return shards
    .filter(({ SequenceNumberRange }) => SequenceNumberRange?.EndingSequenceNumber === undefined)
    .sort((a, b) => (start(a) < start(b) ? -1 : 1));
}

function applyReshard(log: ReturnType<typeof freshLog>['log'], shards: Shard[], step: Reshard): void {
  const open = openShards(shards);
  const StreamName = 'readings';
  if (step.kind === 'rescale') {
    if (step.to > open.length * 2 || step.to * 2 < open.length) return;
    log.updateShardCount({ StreamName, TargetShardCount: step.to, ScalingType: 'UNIFORM_SCALING' });
    return;
  }
  const index = step.shard % open.length;
  const [shard, next] = [open[index], open[index + 1]];
  if (step.kind === 'merge') {
    if (next === undefined) return;
    log.mergeShards({ StreamName, ShardToMerge: shard?.ShardId, AdjacentShardToMerge: next.ShardId });
    return;
  }
  const [start, end] = [
    BigInt(shard?.HashKeyRange?.StartingHashKey ?? ''),
    BigInt(shard?.HashKeyRange?.EndingHashKey ?? ''),
  ];
  if (end - start < 1_000n) return;
  const NewStartingHashKey = (start + ((end - start) * BigInt(step.at)) / 100n).toString();
  log.splitShard({ StreamName, ShardToSplit: shard?.ShardId, NewStartingHashKey });
}

function expectCover(shards: Shard[]): void {
  let next = 0n;
  for (const { HashKeyRange } of openShards(shards)) {
    expect(BigInt(HashKeyRange?.StartingHashKey ?? '')).toBe(next);
    next = BigInt(HashKeyRange?.EndingHashKey ?? '') + 1n;
  }
  expect(next).toBe(2n ** 128n);
}

function expectGrowth(shards: Shard[]): void {
  const byId = new Map(shards.map((shard) => [shard.ShardId, shard]));
  for (const { ParentShardId, AdjacentParentShardId, SequenceNumberRange } of shards) {
    for (const parentId of [ParentShardId, AdjacentParentShardId]) {
      if (parentId === undefined) continue;
      const end = byId.get(parentId)?.SequenceNumberRange?.EndingSequenceNumber ?? '';
      expect(BigInt(SequenceNumberRange?.StartingSequenceNumber ?? '')).toBeGreaterThan(BigInt(end));
    }
  }
}

function expectInRange(shard: Shard | undefined, numbers: string[]): void {
  const { StartingSequenceNumber = '', EndingSequenceNumber = '9'.repeat(56) } = shard?.SequenceNumberRange ?? {};
  for (const number of numbers) {
    expect(BigInt(number)).toBeGreaterThan(BigInt(StartingSequenceNumber));
    expect(BigInt(number)).toBeLessThan(BigInt(EndingSequenceNumber));
  }
}
