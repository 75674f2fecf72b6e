import { randomUUID } from 'node:crypto';
import type { KinesisStreamEvent } from 'aws-lambda';
import type pg from 'pg';
import { EventRejected } from '../../functions/runtime/errors.ts';
import type { OutgoingEvent, ReceivedEvent } from '../../functions/runtime/event.ts';
import { openLogWriter } from '../../functions/runtime/log/log-writer.ts';
import { covers } from '../../functions/runtime/log/shards.ts';
import { decodeRecord } from '../../functions/runtime/record-codec/decode.ts';
import { hashOf } from '../../functions/runtime/record-codec/hash.ts';
import { toLogRecord } from '../../functions/runtime/record-codec/record.ts';
import type { Transform } from '../../functions/runtime/transform.ts';
import type { Column } from '../../functions/sinks/postgres/columns.ts';
import { openRowEncoder } from '../../functions/sinks/postgres/row-encoder.ts';
import { writeRows } from '../../functions/sinks/postgres/rows.ts';
import { openTable } from '../../functions/sinks/postgres/table.ts';
import type { Target } from './in-memory.ts';

/**
 * What a careful team writes without marks, at least once: the same codec, transform and writer. The reader of
 * aggregated records checks whether each event hashes into the shard, as the KCL does, and events that are too large
 * are found before any is sent. But events have no sequence, the reader remembers none of them, and no position is
 * stored, because the mapping has one.
 */
export function openTransformWithoutMarks(
  transform: Pick<Transform, 'run'>,
  { kinesis }: Pick<Target, 'kinesis'>,
  output: string,
): (event: KinesisStreamEvent) => Promise<void> {
  const writer = openLogWriter({ kinesis, stream: output });
  return async ({ Records }) => {
    const outputs: OutgoingEvent[] = [];
    for (const event of eventsOf(Records)) {
      for (const made of transform.run(event))
        outputs.push({
          ...made,
          id: randomUUID(),
          source: '/bench/cleaning',
          sequence: undefined,
          traceparent: undefined,
        });
    }
    const signal = AbortSignal.timeout(60_000);
    const tooLarge = await writer.oversized(outputs, signal);
    if (tooLarge.length > 0) throw new EventRejected('too-large', `${tooLarge.length} outputs`);
    await writer.append(outputs, signal);
  };
}

/** Writes the Postgres sink's rows in one transaction, without progress. */
export function openSinkWithoutMarks(
  client: pg.Client,
  into: { readonly table: string; readonly columns: readonly Column[] },
): (event: KinesisStreamEvent) => Promise<void> {
  let opened: Parameters<typeof writeRows>[1] | undefined;
  return async ({ Records }) => {
    if (opened === undefined) {
      const table = await openTable(client, { table: into.table, key: undefined, mirror: false, create: into.columns });
      opened = { table, key: undefined, mirror: false, encoder: openRowEncoder(table, []), growth: new Map() };
    }
    await client.query('BEGIN; SAVEPOINT millrace_block');
    const rejections = await writeRows(client, opened, {
      shard: 'bench/shardId-000000000000',
      pages: pagesOf(eventsOf(Records)),
    });
    await client.query('COMMIT');
    if (rejections.length > 0) throw new EventRejected('refused', `${rejections.length} rows`);
  };
}

async function* pagesOf(events: readonly ReceivedEvent[]): AsyncIterable<readonly ReceivedEvent[]> {
  for (let start = 0; start < events.length; start += PAGE_EVENTS) yield events.slice(start, start + PAGE_EVENTS);
}

/** The number of events that the runtime puts into a page. */
const PAGE_EVENTS = 5_000;

/** The only shard of the benchmark's streams. */
const WHOLE = { from: 0n, to: 2n ** 128n - 1n };

function eventsOf(records: KinesisStreamEvent['Records']): ReceivedEvent[] {
  const events: ReceivedEvent[] = [];
  for (const record of records) {
    for (const entry of decodeRecord(toLogRecord(record), { name: 'bench' }).entries) {
      if ('rejection' in entry) throw new EventRejected('undecodable', entry.rejection.message);
      if (covers(WHOLE, hashOf(entry.partitionKey))) events.push(entry.event);
    }
  }
  return events;
}
