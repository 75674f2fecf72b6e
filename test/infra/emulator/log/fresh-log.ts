import {
  CreateStreamCommand,
  GetRecordsCommand,
  GetShardIteratorCommand,
  type GetShardIteratorInput,
  ListShardsCommand,
  PutRecordCommand,
} from '@aws-sdk/client-kinesis';
import { virtualClock } from '../../../../infra/emulator/clock.ts';
import { logClient } from '../../../../infra/emulator/log/client.ts';
import { createLog, type LogOptions } from '../../../../infra/emulator/log/log.ts';

export const startMillis = Date.UTC(2026, 0, 31, 12);

/** Makes a log on a virtual clock, with short forms of the calls that most tests make. */
export function freshLog(options: Partial<LogOptions> = {}) {
  const clock = virtualClock({ startMillis });
  const log = createLog({ clock, seed: 1, limits: 'off', ...options });
  const client = logClient(log);
  return {
    clock,
    log,
    client,
    /** Creates a stream and waits until it is ACTIVE. */
    async stream(StreamName: string, ShardCount = 1): Promise<string> {
      await client.send(new CreateStreamCommand({ StreamName, ShardCount }));
      await clock.advance(100);
      return StreamName;
    },
    async put(StreamName: string, text: string, hashKey = '0') {
      const record = { StreamName, PartitionKey: 'key', ExplicitHashKey: hashKey, Data: Buffer.from(text) };
      const { ShardId = '', SequenceNumber = '' } = await client.send(new PutRecordCommand(record));
      return { ShardId, SequenceNumber };
    },
    async iterator(
      input: Omit<GetShardIteratorInput, 'StreamName' | 'ShardId'> & { StreamName: string; shard?: number },
    ) {
      const { shard = 0, ...rest } = input;
      const command = new GetShardIteratorCommand({ ...rest, ShardId: shardId(shard) });
      return (await client.send(command)).ShardIterator ?? '';
    },
    async read(ShardIterator: string, Limit?: number) {
      const command = new GetRecordsCommand({ ShardIterator, ...(Limit !== undefined && { Limit }) });
      const { Records = [], ...rest } = await client.send(command);
      return { ...rest, texts: Records.map(({ Data }) => Buffer.from(Data ?? []).toString()) };
    },
    async shards(StreamName: string) {
      return (await client.send(new ListShardsCommand({ StreamName }))).Shards ?? [];
    },
  };
}

export function shardId(index: number): string {
  return `shardId-${String(index).padStart(12, '0')}`;
}

/** A hash key in the upper half. */
export const upperHalf = (2n ** 127n).toString();
