import { GetRecordsCommand, type GetRecordsCommandOutput, GetShardIteratorCommand } from '@aws-sdk/client-kinesis';
import { type BatchRecord, recordEncoder } from './records.ts';
import { retryCall } from './retry-call.ts';
import type { Run } from './run.ts';
import type { Shard } from './shard.ts';

export interface Poll {
  readonly records: readonly BatchRecord[];
  readonly behindMillis: number;
  /** True when the shard has nothing more for now. */
  readonly isAtTip: boolean;
  /** The ids of the children, when the shard is closed and read to its end. */
  readonly endedWith: readonly string[] | undefined;
  /** The number of `caughtUp` calls before this poll. */
  readonly asked: number;
}

export interface Poller {
  /** Reads on, as soon as the pace allows. Retries after expired iterators, throttling and outages. */
  poll(): Promise<Poll>;
  /** The time from which the pace allows the next poll. */
  dueMillis(): number;
}

/** Makes a poller that reads one shard from its checkpoint on. */
export function shardPoller(run: Run, shard: Shard, signal: AbortSignal): Poller {
  const { clock, kinesis, pace } = run;
  const { shardId } = shard;
  const { EventSourceArn: StreamARN } = run.configuration;
  const encode = recordEncoder(StreamARN, shardId);
  let lastRead = shard.checkpoint;
  let iterator = lastRead === undefined && shard.start.from === 'AT_TIMESTAMP' ? shard.start.iterator : undefined;
  let dueMillis = clock.now();

  async function newIterator(): Promise<string | undefined> {
    const answer = await kinesis.send(
      new GetShardIteratorCommand({ StreamARN, ShardId: shardId, ...startingPoint(shard, lastRead) }),
    );
    return answer.ShardIterator;
  }

  async function getRecords(): Promise<Poll> {
    iterator ??= await newIterator();
    const asked = run.asked();
    const sentMillis = clock.now();
    dueMillis = sentMillis + pace.pollMillis;
    try {
      const answer = await kinesis.send(new GetRecordsCommand({ StreamARN, ShardIterator: iterator }));
      return read(answer, { asked, sentMillis });
    } catch (error) {
      if (isIteratorError(error)) iterator = undefined;
      throw error;
    }
  }

  function read(answer: GetRecordsCommandOutput, { asked, sentMillis }: { asked: number; sentMillis: number }): Poll {
    const readMillis = clock.now();
    const records = (answer.Records ?? []).map((record) => encode(record, readMillis));
    const behindMillis = answer.MillisBehindLatest ?? 0;
    lastRead = records.at(-1)?.sequenceNumber ?? lastRead;
    iterator = answer.NextShardIterator ?? undefined;
    if (records.length > 0 || behindMillis > 0)
      dueMillis = sentMillis + Math.min(pace.leastPollMillis, pace.pollMillis);
    shard.behindMillis = behindMillis;
    run.trace({ did: 'poll', shardId, records: records.length, behindMillis });
    const isAtTip = records.length === 0 && behindMillis === 0;
    return {
      records,
      behindMillis,
      isAtTip,
      endedWith: iterator === undefined ? childrenIn(answer) : undefined,
      asked,
    };
  }

  return {
    dueMillis: () => dueMillis,
    async poll() {
      signal.throwIfAborted();
      if (dueMillis > clock.now()) await clock.sleep(dueMillis - clock.now(), signal);
      return await retryCall(run, { call: getRecords, shardId, signal });
    },
  };
}

function isIteratorError(error: unknown): boolean {
  return error instanceof Error && ['ExpiredIteratorException', 'InvalidArgumentException'].includes(error.name);
}

function startingPoint({ start }: Shard, lastRead: string | undefined) {
  if (lastRead !== undefined) {
    return { ShardIteratorType: 'AFTER_SEQUENCE_NUMBER', StartingSequenceNumber: lastRead } as const;
  }
  if (start.from === 'AT_TIMESTAMP') {
    return { ShardIteratorType: 'AT_TIMESTAMP', Timestamp: new Date(start.millis) } as const;
  }
  return { ShardIteratorType: 'TRIM_HORIZON' } as const;
}

function childrenIn({ ChildShards }: GetRecordsCommandOutput): readonly string[] {
  return (ChildShards ?? []).map(({ ShardId }) => ShardId ?? '');
}
