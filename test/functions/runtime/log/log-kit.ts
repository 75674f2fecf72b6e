import type { OutgoingEvent } from '../../../../functions/runtime/event.ts';
import { listShards, type Shard } from '../../../../functions/runtime/log/shards.ts';
import { endOfRecord, type Position, positionOf, sequenceAt } from '../../../../functions/runtime/position.ts';
import { hashOf } from '../../../../functions/runtime/record-codec/hash.ts';
import { isAggregate, readAggregate } from '../../../../functions/runtime/record-codec/read-aggregate.ts';
import { type LogClient, logClient } from '../../../../infra/emulator/log/client.ts';
import { createLog, type Log, type LogOptions } from '../../../../infra/emulator/log/log.ts';

export const STREAM = 'orders';
export const NEVER = new AbortController().signal;

export function logWith(shards: number, options: Partial<LogOptions> = {}): { log: Log; client: LogClient } {
  const log = createLog({
    clock: { now: () => 1_760_000_000_000 },
    seed: 1,
    limits: 'off',
    transitionMillis: 0,
    ...options,
  });
  log.createStream({ StreamName: STREAM, ShardCount: shards });
  return { log, client: logClient(log) };
}

/** Makes the n-th event of a source. Its data is its own number. */
export function eventOf(source: string, number: number, key: string): OutgoingEvent {
  const sequence = sequenceAt(positionOf(String(number + 1), 0), 0);
  return {
    id: sequence,
    source,
    type: 'order.placed',
    time: '2026-01-01T00:00:00Z',
    key,
    sequence,
    traceparent: undefined,
    dataBytes: Buffer.from(String(number)),
  };
}

export function withText(event: OutgoingEvent, text: string): OutgoingEvent {
  return { ...event, dataBytes: Buffer.from(JSON.stringify(text)) };
}

export interface SeenEvent {
  readonly source: string;
  readonly sequence: string;
  readonly partitionkey: string;
  readonly data: unknown;
}

/** Returns all records of every shard, in the order of ListShards: parents before their children. */
export async function shardContents(log: Log): Promise<readonly { shard: Shard; records: readonly Buffer[] }[]> {
  const { StreamDescriptionSummary } = log.describeStreamSummary({ StreamName: STREAM });
  const shards = await listShards(logClient(log), StreamDescriptionSummary?.StreamARN ?? '', { signal: NEVER });
  return shards.map((shard) => ({ shard, records: recordsOf(log, shard.id).map(({ data }) => data) }));
}

export function recordsOf(log: Log, shardId: string): { data: Buffer; sequenceNumber: string; position: Position }[] {
  let { ShardIterator } = log.getShardIterator({
    StreamName: STREAM,
    ShardId: shardId,
    ShardIteratorType: 'TRIM_HORIZON',
  });
  const records: { data: Buffer; sequenceNumber: string; position: Position }[] = [];
  while (ShardIterator) {
    const page = log.getRecords({ ShardIterator });
    for (const { Data, SequenceNumber = '' } of page.Records ?? []) {
      records.push({
        data: Buffer.from(Data ?? []),
        sequenceNumber: SequenceNumber,
        position: endOfRecord(SequenceNumber),
      });
    }
    ShardIterator = page.MillisBehindLatest === 0 ? undefined : page.NextShardIterator;
  }
  return records;
}

export function eventsIn(data: Buffer): SeenEvent[] {
  if (!isAggregate(data)) throw new Error('not an aggregated record');
  return readAggregate(data).map(({ start, end }) => JSON.parse(data.subarray(start, end).toString()) as SeenEvent);
}

/**
 * Reads the whole stream as a step does. It drops events that hash outside their shard or are not above their mark. A
 * child shard starts with its parents' marks, by hash range.
 */
export async function readOnce(log: Log): Promise<SeenEvent[]> {
  interface MarkRange {
    readonly from: bigint;
    readonly to: bigint;
    readonly marks: Map<string, string>;
  }
  const seen: SeenEvent[] = [];
  const rangesOf = new Map<string, MarkRange[]>();
  for (const { shard, records } of await shardContents(log)) {
    const inherited = shard.parents
      .flatMap((parent) => rangesOf.get(parent) ?? [])
      .filter(({ from, to }) => from <= shard.to && to >= shard.from)
      .map(({ from, to, marks }) => ({
        from: from > shard.from ? from : shard.from,
        to: to < shard.to ? to : shard.to,
        marks: new Map(marks),
      }));
    const ranges = inherited.length > 0 ? inherited : [{ from: shard.from, to: shard.to, marks: new Map() }];
    rangesOf.set(shard.id, ranges);
    for (const event of records.flatMap(eventsIn)) {
      const hash = hashOf(event.partitionkey);
      const range = ranges.find(({ from, to }) => hash >= from && hash <= to);
      if (range === undefined || event.sequence <= (range.marks.get(event.source) ?? '')) continue;
      range.marks.set(event.source, event.sequence);
      seen.push(event);
    }
  }
  return seen;
}
