import {
  CreateStreamCommand,
  DecreaseStreamRetentionPeriodCommand,
  DeleteStreamCommand,
  DescribeStreamSummaryCommand,
  GetRecordsCommand,
  type GetRecordsCommandOutput,
  GetShardIteratorCommand,
  IncreaseStreamRetentionPeriodCommand,
  type KinesisClient,
  ListShardsCommand,
  type ListShardsCommandOutput,
  type ListShardsInput,
  MergeShardsCommand,
  PutRecordCommand,
  PutRecordsCommand,
  type Shard,
  type ShardIteratorType,
  SplitShardCommand,
  UpdateMaxRecordSizeCommand,
  UpdateShardCountCommand,
} from '@aws-sdk/client-kinesis';
import { shardId } from './fresh-log.ts';

/** A hash key, in sixteenths of all: a little above the border, so that it never is one. */
type Sixteenth = number;

export interface PutEntry {
  readonly key: string;
  readonly hash?: Sixteenth | 'outside';
  readonly text: string;
}

/**
 * A call that both implementations understand. It names the nth record put, the nth shard or a part of a shard's range,
 * because each implementation gives these ids of its own.
 */
export type Call =
  | { readonly call: 'create'; readonly shards?: number; readonly onDemand?: boolean }
  | { readonly call: 'put'; readonly entry: PutEntry; readonly elsewhere?: boolean }
  | { readonly call: 'put many'; readonly entries: readonly PutEntry[] }
  | {
      readonly call: 'read';
      readonly shard: number;
      readonly from: ShardIteratorType;
      readonly record?: number | 'none of ours';
      readonly limit: number;
    }
  | { readonly call: 'read again'; readonly token: 'garbage' }
  | { readonly call: 'split'; readonly shard: number; readonly eighth: number }
  | { readonly call: 'merge'; readonly shard: number; readonly adjacent: number }
  | { readonly call: 'rescale'; readonly to: number }
  | {
      readonly call: 'list';
      readonly filter?: 'AT_LATEST' | 'FROM_TRIM_HORIZON' | 'AFTER_SHARD_ID';
      readonly page?: number;
    }
  | { readonly call: 'describe' }
  | { readonly call: 'keep longer' | 'keep shorter'; readonly hours: number }
  | { readonly call: 'take larger'; readonly kib: number };

/** One of the two implementations, with its answers so far. */
export interface Side {
  readonly client: Pick<KinesisClient, 'send'>;
  readonly streamName: string;
  /** Waits until a change under way is over. */
  readonly settle: () => Promise<void>;
  /** Lets a few milliseconds pass. */
  readonly tick: () => Promise<void>;
  /** The sequence numbers of the records that were put. */
  readonly puts: { readonly number: string; readonly beforeMillis: number }[];
  readonly nowMillis: () => number;
}

/** Calls a side, and puts its answer in the words of `Call`. An error becomes its name. */
export async function answerOf(side: Side, call: Call): Promise<unknown> {
  try {
    await side.tick();
    return await answers[call.call](side, call as never);
  } catch (error) {
    return { error: (error as Error).name };
  }
}

type Answers = { [Name in Call['call']]: (side: Side, call: Extract<Call, { call: Name }>) => Promise<unknown> };

const answers: Answers = {
  async create({ client, streamName, settle }, { shards, onDemand }) {
    const mode = onDemand ? { StreamModeDetails: { StreamMode: 'ON_DEMAND' as const } } : {};
    await client.send(
      new CreateStreamCommand({ StreamName: streamName, ...(shards !== undefined && { ShardCount: shards }), ...mode }),
    );
    await settle();
    return {};
  },
  async put(side, { entry, elsewhere }) {
    const beforeMillis = side.nowMillis();
    const StreamName = elsewhere ? `${side.streamName}-elsewhere` : side.streamName;
    const {
      $metadata: _,
      SequenceNumber = '',
      ShardId = '',
      ...rest
    } = await side.client.send(new PutRecordCommand({ StreamName, ...recordOf(entry) }));
    side.puts.push({ number: SequenceNumber, beforeMillis });
    return { ...rest, shard: ShardId, digits: SequenceNumber.length };
  },
  async 'put many'(side, { entries }) {
    const beforeMillis = side.nowMillis();
    const {
      $metadata: _,
      Records = [],
      ...rest
    } = await side.client.send(new PutRecordsCommand({ StreamName: side.streamName, Records: entries.map(recordOf) }));
    const results = Records.map(({ SequenceNumber: number = '', ShardId: shard }) => {
      side.puts.push({ number, beforeMillis });
      return { shard, digits: number.length };
    });
    return { ...rest, records: results };
  },
  async read(side, { shard, from, record, limit }) {
    if (typeof record === 'number' && side.puts.length === 0) return 'there is no such record';
    const put = typeof record === 'number' ? side.puts[record % Math.max(1, side.puts.length)] : undefined;
    const number = record === 'none of ours' ? '123456789' : put?.number;
    const { ShardIterator } = await side.client.send(
      new GetShardIteratorCommand({
        StreamName: side.streamName,
        ShardId: shardId(shard),
        ShardIteratorType: from,
        ...(from === 'AT_TIMESTAMP'
          ? { Timestamp: new Date(put?.beforeMillis ?? side.nowMillis()) }
          : number !== undefined && { StartingSequenceNumber: number }),
      }),
    );
    const pages: unknown[] = [];
    let token = ShardIterator;
    for (let page = 0; page < 3 && token; page++) {
      const answer: GetRecordsCommandOutput = await side.client.send(
        new GetRecordsCommand({ ShardIterator: token, Limit: limit }),
      );
      pages.push(pageOf(side, answer));
      token = answer.NextShardIterator;
    }
    return pages;
  },
  async 'read again'({ client }, { token }) {
    return client.send(new GetRecordsCommand({ ShardIterator: token }));
  },
  async split(side, { shard, eighth }) {
    const range = (await shardsOf(side))[shard]?.HashKeyRange;
    const [start, end] = [BigInt(range?.StartingHashKey ?? 0), BigInt(range?.EndingHashKey ?? 0)];
    const NewStartingHashKey = (start + ((end - start) * BigInt(eighth)) / 8n).toString();
    const input = { StreamName: side.streamName, ShardToSplit: shardId(shard), NewStartingHashKey };
    await side.client.send(new SplitShardCommand(input));
    await side.settle();
    return {};
  },
  async merge(side, { shard, adjacent }) {
    const all = (await shardsOf(side)).map(shardOf);
    const states = [all[shard]?.isOpen, all[adjacent]?.isOpen];
    if (states.includes(undefined) && states.includes(false)) return 'which of two mistakes is told is not documented';
    const shards = { ShardToMerge: shardId(shard), AdjacentShardToMerge: shardId(adjacent) };
    await side.client.send(new MergeShardsCommand({ StreamName: side.streamName, ...shards }));
    await side.settle();
    return {};
  },
  async rescale(side, { to }) {
    const input = { StreamName: side.streamName, TargetShardCount: to, ScalingType: 'UNIFORM_SCALING' } as const;
    const {
      $metadata: _,
      StreamName: __,
      StreamARN,
      ...rest
    } = await side.client.send(new UpdateShardCountCommand(input));
    await side.settle();
    return { ...rest, hasArn: StreamARN !== undefined, ...scaleOf(await shardsOf(side)) };
  },
  async list(side, { filter, page }) {
    const shards: Shard[] = [];
    const pages = page !== undefined ? { MaxResults: page } : {};
    const named = filter && {
      ShardFilter: { Type: filter, ...(filter === 'AFTER_SHARD_ID' && { ShardId: shardId(1) }) },
    };
    let input: ListShardsInput | undefined = { StreamName: side.streamName, ...named, ...pages };
    while (input !== undefined) {
      const answer: ListShardsCommandOutput = await side.client.send(new ListShardsCommand(input));
      shards.push(...(answer.Shards ?? []));
      input = answer.NextToken ? { NextToken: answer.NextToken, ...pages } : undefined;
    }
    return shards.map(shardOf);
  },
  async describe(side) {
    const { StreamDescriptionSummary: summary } = await side.client.send(
      new DescribeStreamSummaryCommand({ StreamName: side.streamName }),
    );
    const { StreamName: _, StreamARN: __, StreamCreationTimestamp: ___, ...rest } = summary ?? {};
    return rest;
  },
  async 'keep longer'(side, { hours }) {
    const input = { StreamName: side.streamName, RetentionPeriodHours: hours };
    await side.client.send(new IncreaseStreamRetentionPeriodCommand(input));
    await side.settle();
    return {};
  },
  async 'keep shorter'(side, { hours }) {
    const input = { StreamName: side.streamName, RetentionPeriodHours: hours };
    await side.client.send(new DecreaseStreamRetentionPeriodCommand(input));
    await side.settle();
    return {};
  },
  async 'take larger'(side, { kib }) {
    const StreamARN = `arn:aws:kinesis:us-east-1:000000000000:stream/${side.streamName}`;
    await side.client.send(new UpdateMaxRecordSizeCommand({ StreamARN, MaxRecordSizeInKiB: kib }));
    await side.settle();
    return {};
  },
};

export async function deleteStream({ client, streamName }: Side): Promise<void> {
  await client.send(new DeleteStreamCommand({ StreamName: streamName }));
}

function recordOf({ key, hash, text }: PutEntry) {
  const hashKey = hash === 'outside' ? 2n ** 128n : hash !== undefined && BigInt(hash) * 2n ** 124n + 2n ** 100n;
  return {
    PartitionKey: key,
    Data: Buffer.from(text),
    ...(hashKey !== false && { ExplicitHashKey: hashKey.toString() }),
  };
}

async function shardsOf({ client, streamName }: Side): Promise<Shard[]> {
  return (await client.send(new ListShardsCommand({ StreamName: streamName }))).Shards ?? [];
}

/** Describes an answer of GetRecords: a record by the number of its put, a token by whether it is there. */
function pageOf(side: Side, { $metadata: _, ...answer }: GetRecordsCommandOutput) {
  return {
    records: answer.Records?.map(({ SequenceNumber, Data, ApproximateArrivalTimestamp, ...record }) => ({
      ...record,
      put: side.puts.findIndex(({ number }) => number === SequenceNumber),
      text: Buffer.from(Data ?? []).toString(),
      arrived: ApproximateArrivalTimestamp instanceof Date,
    })),
    isBehind: answer.NextShardIterator ? (answer.MillisBehindLatest ?? 0) > 0 : false,
    hasNext: typeof answer.NextShardIterator === 'string',
    children: answer.ChildShards?.map((child) => ({ ...child, HashKeyRange: rounded(child.HashKeyRange) })),
    isBehindTheEnd: answer.NextShardIterator ? false : (answer.MillisBehindLatest ?? 0) > 0,
  };
}

function shardOf({ HashKeyRange, SequenceNumberRange: numbers, ...shard }: Shard) {
  const isOpen = numbers?.EndingSequenceNumber === undefined;
  const { length = 0 } = numbers?.EndingSequenceNumber ?? {};
  return { ...shard, range: rounded(HashKeyRange), firstKey: HashKeyRange?.StartingHashKey, isOpen, endDigits: length };
}

/** Describes the open shards: their count, and whether they have one size. */
function scaleOf(shards: Shard[]) {
  const open = shards.map(shardOf).filter(({ isOpen }) => isOpen);
  const sizes = open.map(({ range: [start = 0, end = 0] }) => end - start);
  return {
    areEqual: Math.max(...sizes) - Math.min(...sizes) <= 1,
    open: open.map(({ ShardId, range }) => ({ ShardId, range })),
  };
}

/** Measures a range in 65,536ths of all keys. */
function rounded(range: Shard['HashKeyRange']): number[] {
  const part = (hashKey = '') => Number((BigInt(hashKey) + 2n ** 111n) >> 112n);
  return [part(range?.StartingHashKey), part(range?.EndingHashKey)];
}
