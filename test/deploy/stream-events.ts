import type { ReceivedEvent } from '../../functions/runtime/event.ts';
import { readShard } from '../../functions/runtime/log/log-reader.ts';
import { describeStream } from '../../functions/runtime/log/shards.ts';
import { decodeRecord } from '../../functions/runtime/record-codec/decode.ts';
import { streamNameOf } from '../../infra/constructs/stream-names.ts';
import type { StreamPlan } from '../../infra/pipelines/streams.ts';
import type { Deployed } from './deployed.ts';
import { LONGEST_MILLIS } from './longest.ts';

/** Reads the events that a stream holds now, shard by shard. */
export async function* eventsIn(stream: StreamPlan, { clients, names }: Deployed): AsyncGenerator<ReceivedEvent> {
  const { kinesis } = clients;
  const signal = AbortSignal.timeout(LONGEST_MILLIS);
  const name = streamNameOf(stream, names);
  for (const { id: shardId } of (await describeStream(kinesis, name, signal)).shards) {
    for await (const { records } of readShard({ kinesis, stream: name, shardId, after: undefined, signal })) {
      for (const { entries } of records.map((record) => decodeRecord(record, { name })))
        for (const entry of entries) if ('event' in entry) yield entry.event;
    }
  }
}
