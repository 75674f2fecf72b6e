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
  /** True: read on until the signal aborts, through splits and merges. False: end at the present end of the stream. */
  readonly follow: boolean;
  readonly signal: AbortSignal;
}

/** Callbacks for the events, in the order of their shard, and for the records that do not decode. */
export interface TailHandlers {
  event(event: ReceivedEvent, shardId: string): void;
  rejection(rejection: Rejection, shardId: string): void;
}

/** All readers of a shard share 5 reads a second, and each poll takes two of them. */
const POLL_EVERY_MILLIS = 1_000;

/**
 * Reads a stream's shards in parallel, each child after its parents. Drops no duplicates: an event that was appended
 * twice comes twice. Rejects with the signal's reason when the signal aborts.
 */
export async function readTail(tail: Tail, handlers: TailHandlers): Promise<void> {
  const { kinesis, stream, follow, signal } = tail;
  const ended = new Set<string>();
  const reads = new Map<string, Promise<void>>();
  const failed = new AbortController();
  const until = AbortSignal.any([signal, failed.signal]);

  /** Reads every shard whose parents are read to their ends, and then its children. */
  async function readReadyShards(): Promise<void> {
    const { shards } = await describeStream(kinesis, stream, until);
    const existing = new Set(shards.map(({ id }) => id));
    const ready = shards.filter(
      ({ id, parents }) => !reads.has(id) && parents.every((parent) => ended.has(parent) || !existing.has(parent)),
    );
    for (const shard of ready) reads.set(shard.id, readOne(shard));
    await Promise.all(ready.map(({ id }) => reads.get(id)));
  }

  async function readOne(shard: Shard): Promise<void> {
    try {
      const end = await tailShard({ ...tail, signal: until }, shard, handlers);
      if (end === 'caught-up') return;
      ended.add(shard.id);
      await readReadyShards();
    } catch (error) {
      failed.abort(error);
      throw error;
    }
  }

  await readReadyShards();
  // Every shard has ended, and its children do not exist yet.
  while (follow) {
    await delay(POLL_EVERY_MILLIS, undefined, { signal });
    await readReadyShards();
  }
}

async function tailShard(tail: Tail, shard: Shard, handlers: TailHandlers): Promise<'caught-up' | 'shard-end'> {
  const { kinesis, stream, from, follow, signal } = tail;
  let after: Position | undefined;
  for (;;) {
    const pages = readShard({
      kinesis,
      stream,
      shardId: shard.id,
      after,
      start: from,
      signal,
      // Nobody depends on a tail, so records that expire before it reads them are no error.
      trimmedIsNoLoss: true,
    });
    for await (const page of pages) {
      after = decodeAll(page.records, { after, stream, shard, handlers });
      if (page.end === 'shard-end') return 'shard-end';
    }
    if (!follow) return 'caught-up';
    await delay(POLL_EVERY_MILLIS, undefined, { signal });
  }
}

/** Decodes records and calls the handlers. Returns the position after the last record. */
function decodeAll(
  records: readonly LogRecord[],
  of: {
    readonly after: Position | undefined;
    readonly stream: string;
    readonly shard: Shard;
    readonly handlers: TailHandlers;
  },
): Position | undefined {
  const { after, stream, shard, handlers } = of;
  const state = { position: after, marks: noMarks(shard.from, shard.to), rejections: [] };
  const batch = openBatch(state, { stream, from: shard.from, to: shard.to, own: [] });
  for (const record of records) {
    const [events, rejections] = [batch.events.length, batch.rejections.length];
    batch.take(record);
    for (const event of batch.events.slice(events)) handlers.event(event, shard.id);
    for (const rejection of batch.rejections.slice(rejections)) handlers.rejection(rejection, shard.id);
  }
  return batch.state().position;
}
