import {
  type DescribeStreamSummaryOutput,
  type Shard as KinesisShard,
  PutRecordCommand,
  type PutRecordOutput,
  PutRecordsCommand,
  type PutRecordsInput,
  type PutRecordsOutput,
} from '@aws-sdk/client-kinesis';
import type { Shard } from '../../functions/runtime/log/shards.ts';
import type { LogRecord } from '../../functions/runtime/record-codec/record.ts';
import type { Clock } from '../../infra/emulator/clock.ts';
import { type LogClient, logClient } from '../../infra/emulator/log/client.ts';
import { createLog, type Log } from '../../infra/emulator/log/log.ts';
import type { AwsCommand, Service } from './service.ts';

/** A record that was appended to the log. */
export interface AppendedRecord extends LogRecord {
  readonly shardId: string;
}

/**
 * The emulated log, with its limits, and all records ever appended. Reading those uses none of a shard's read capacity.
 */
export interface Streams extends Service {
  readonly log: Log;
  readonly client: LogClient;
  /** Returns all records in the order of their arrival, trimmed ones included. */
  appended(stream: string): readonly AppendedRecord[];
  /** Returns all shards that ever existed, parents before children. */
  shards(stream: string): readonly Shard[];
  /** Performs a PutRecords of which some or all records are throttled. */
  throttledPut(command: PutRecordsCommand, random: () => number): Promise<PutRecordsOutput>;
}

export function createStreams(of: {
  readonly clock: Clock;
  readonly seed: number;
  /** The record limit that the streams report; undefined for the log's own. */
  readonly recordBytes: number | undefined;
}): Streams {
  const { clock, seed, recordBytes } = of;
  const log = createLog({ clock, seed, limits: 'enforced' });
  const client = logClient(log);
  const appended = new Map<string, AppendedRecord[]>();
  const known = new Map<string, Map<string, Shard>>();

  function append(of: { readonly StreamARN?: string | undefined; readonly StreamName?: string | undefined }) {
    const stream = of.StreamName ?? of.StreamARN?.split('/')[1] ?? '';
    const records = appended.get(stream) ?? [];
    appended.set(stream, records);
    return (record: PutRecordsInput['Records'], answers: readonly Partial<PutRecordOutput>[]) => {
      for (const [index, { ShardId, SequenceNumber }] of answers.entries()) {
        const { Data = new Uint8Array(), PartitionKey = '' } = record?.[index] ?? {};
        if (ShardId === undefined || SequenceNumber === undefined) continue;
        records.push({
          shardId: ShardId,
          sequenceNumber: SequenceNumber,
          partitionKey: PartitionKey,
          data: Buffer.from(Data),
          approximateArrivalMillis: clock.now(),
        });
      }
    };
  }

  async function call(command: AwsCommand): Promise<object> {
    const answer: object = await client.send(command as PutRecordsCommand);
    if (command instanceof PutRecordsCommand)
      append(command.input)(command.input.Records, (answer as PutRecordsOutput).Records ?? []);
    if (command instanceof PutRecordCommand) append(command.input)([command.input], [answer as PutRecordOutput]);
    const { StreamDescriptionSummary: summary } = answer as Partial<DescribeStreamSummaryOutput>;
    if (summary === undefined || recordBytes === undefined) return answer;
    return { ...answer, StreamDescriptionSummary: { ...summary, MaxRecordSizeInKiB: recordBytes / 1_024 } };
  }

  return {
    log,
    client,
    call,
    shards(stream) {
      const shards = known.get(stream) ?? new Map<string, Shard>();
      known.set(stream, shards);
      for (const shard of log.listShards({ StreamName: stream }).Shards ?? []) {
        shards.set(shard.ShardId ?? '', asShard(shard));
      }
      return [...shards.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
    },
    appended: (stream) => appended.get(stream) ?? [],
    async throttledPut({ input }, random) {
      const records = input.Records ?? [];
      const certain = Math.floor(random() * records.length);
      const isRefused = records.map((_, index) => index === certain || random() < 0.5);
      const taken = records.filter((_, index) => !isRefused[index]);
      const answer: PutRecordsOutput =
        taken.length === 0
          ? { Records: [] }
          : ((await call(new PutRecordsCommand({ ...input, Records: taken }))) as never);
      const entries = [...(answer.Records ?? [])];
      return {
        FailedRecordCount: isRefused.filter(Boolean).length,
        Records: isRefused.map((refused) => (refused ? { ...REFUSED } : (entries.shift() ?? {}))),
      };
    },
  };
}

function asShard(shard: KinesisShard): Shard {
  return {
    id: shard.ShardId ?? '',
    from: BigInt(shard.HashKeyRange?.StartingHashKey ?? 0),
    to: BigInt(shard.HashKeyRange?.EndingHashKey ?? 0),
    parents: [shard.ParentShardId, shard.AdjacentParentShardId].filter((id) => id !== undefined),
    open: shard.SequenceNumberRange?.EndingSequenceNumber === undefined,
  };
}

const REFUSED = { ErrorCode: 'ProvisionedThroughputExceededException', ErrorMessage: 'Rate exceeded for shard.' };
