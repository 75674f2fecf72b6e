import { setTimeout as delay } from 'node:timers/promises';
import { openBatch } from '../../functions/runtime/batches/batch.ts';
import { noMarks } from '../../functions/runtime/checkpoints/marks.ts';
import type { ReceivedEvent } from '../../functions/runtime/event.ts';
import { readShard } from '../../functions/runtime/log/log-reader.ts';
import { describeStream, type Kinesis, type Shard } from '../../functions/runtime/log/shards.ts';
import type { Position } from '../../functions/runtime/position.ts';
import type { LogRecord } from '../../functions/runtime/record-codec/record.ts';
import type { Rejection } from '../../functions/runtime/rejection.ts';

export interface Tail {
  readonly kinesis: Kinesis;
  /** Name or ARN. */
  readonly stream: string;
  readonly from: 'earliest' | Date;
  /** Goes on until the signal aborts, through splits and merges. Otherwise as far as the stream goes now. */
  readonly follow: boolean;
  readonly signal: AbortSignal;
}

/** What to do with each event, in the order of its shard, and with what does not decode. */
export interface TailTakes {
  event(event: ReceivedEvent, shardId: string): void;
  rejection(rejection: Rejection, shardId: string): void;
}

/** A shard gives 5 reads a second to all its readers together; each look takes two. */
const LOOK_EVERY_MILLIS = 1_000;

/**
 * Reads a stream's shards side by side, each child after its parents. Events are as the log has them: what was appended
 * again comes again. Rejects with the signal's reason when that aborts.
 */
export async function readTail(reading: Tail, takes: TailTakes): Promise<void> {
  const { kinesis, stream, follow, signal } = reading;
  const ended = new Set<string>();
  const known = new Map<string, Promise<void>>();
  const failed = new AbortController();
  const until = AbortSignal.any([signal, failed.signal]);

  /** Starts on every shard whose parents are read, and all that follow from it. */
  async function advance(): Promise<void> {
    const { shards } = await describeStream(kinesis, stream, until);
    const isHere = new Set(shards.map(({ id }) => id));
    const ready = shards.filter(
      ({ id, parents }) => !known.has(id) && parents.every((parent) => ended.has(parent) || !isHere.has(parent)),
    );
    for (const shard of ready) known.set(shard.id, readOne(shard));
    await Promise.all(ready.map(({ id }) => known.get(id)));
  }

  async function readOne(shard: Shard): Promise<void> {
    try {
      const end = await tailShard({ ...reading, signal: until }, shard, takes);
      if (end === 'caught-up') return;
      ended.add(shard.id);
      await advance();
    } catch (error) {
      failed.abort(error);
      throw error;
    }
  }

  await advance();
  // Every shard has ended, and its children are not there yet.
  while (follow) {
    await delay(LOOK_EVERY_MILLIS, undefined, { signal });
    await advance();
  }
}

async function tailShard(reading: Tail, shard: Shard, takes: TailTakes): Promise<'caught-up' | 'shard-end'> {
  const { kinesis, stream, from, follow, signal } = reading;
  let after: Position | undefined;
  for (;;) {
    const pages = readShard({
      kinesis,
      stream,
      shardId: shard.id,
      after,
      start: from,
      signal,
      // Whoever watches has seen what there was; nobody depends on it.
      nothingUnreadTrimmed: true,
    });
    for await (const page of pages) {
      after = takeAll(page.records, { after, stream, shard, takes });
      if (page.end === 'shard-end') return 'shard-end';
    }
    if (!follow) return 'caught-up';
    await delay(LOOK_EVERY_MILLIS, undefined, { signal });
  }
}

function takeAll(
  records: readonly LogRecord[],
  of: {
    readonly after: Position | undefined;
    readonly stream: string;
    readonly shard: Shard;
    readonly takes: TailTakes;
  },
): Position | undefined {
  const { after, stream, shard, takes } = of;
  const state = { position: after, marks: noMarks(shard.from, shard.to), rejections: [] };
  const batch = openBatch(state, { stream, from: shard.from, to: shard.to, own: [] });
  for (const record of records) {
    const [events, rejections] = [batch.events.length, batch.rejections.length];
    batch.take(record);
    for (const event of batch.events.slice(events)) takes.event(event, shard.id);
    for (const rejection of batch.rejections.slice(rejections)) takes.rejection(rejection, shard.id);
  }
  return batch.state().position;
}
