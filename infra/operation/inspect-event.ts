import type { ReceivedEvent } from '../../functions/runtime/event.ts';
import { recordAt } from '../../functions/runtime/log/record-at.ts';
import type { Kinesis } from '../../functions/runtime/log/shards.ts';
import { type Position, subSequenceOf } from '../../functions/runtime/position.ts';
import { decodeRecord } from '../../functions/runtime/record-codec/decode.ts';
import type { LogRecord } from '../../functions/runtime/record-codec/record.ts';

/** Where an event is in the log. */
export interface EventPlace {
  /** Name or ARN. */
  readonly stream: string;
  readonly shard: string;
  /** Just after the event. */
  readonly position: Position;
}

/** An event, and the record that holds it. */
export interface InspectedEvent {
  readonly event: ReceivedEvent;
  readonly record: LogRecord;
  /** The place of the event in its record, from 0. */
  readonly index: number;
  /** How many events and bad entries the record has. */
  readonly entries: number;
  /** True for an aggregate of the Kinesis Producer Library, as Millrace writes them. */
  readonly isAggregate: boolean;
  readonly compression: 'zstd' | 'gzip' | 'none';
}

/** Reads one event with its record. Undefined when the log no longer holds it, or holds no event there. */
export async function inspectEvent(
  kinesis: Kinesis,
  { stream, shard, position }: EventPlace,
  signal: AbortSignal,
): Promise<InspectedEvent | undefined> {
  const record = await recordAt({ kinesis, stream, shardId: shard, signal }, position);
  if (record === undefined) return undefined;
  const { entries, aggregated } = decodeRecord(record, { name: stream });
  const found = entries.find((entry) => 'event' in entry && entry.event.position === position);
  if (found === undefined || !('event' in found)) return undefined;
  return {
    event: found.event,
    record,
    index: subSequenceOf(position),
    entries: entries.length,
    isAggregate: aggregated,
    compression: compressionOf(record.data),
  };
}

/** Recognizes a compression by the magic number of its format. */
function compressionOf(data: Uint8Array): InspectedEvent['compression'] {
  const begin = Buffer.from(data.subarray(0, 4)).toString('hex');
  if (begin === '28b52ffd') return 'zstd';
  return begin.startsWith('1f8b') ? 'gzip' : 'none';
}
