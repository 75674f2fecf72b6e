import { type OutgoingEvent, schemaAttribute } from '../event.ts';
import { backOffMillis, type Sleep, sleepFor } from './back-off.ts';
import { billedBytes, putRecords, RECORD_OVERHEAD_BYTES, REQUEST_BYTES, REQUEST_RECORDS } from './put-records.ts';
import {
  advance,
  oversized,
  type PackedEvents,
  type PackedRecord,
  pack,
  queuesFor,
  type ShardQueue,
  unfinished,
} from './shard-queues.ts';
import { describeStream, type Kinesis, listShards, openShards, type StreamShape } from './shards.ts';
import { requeued, type StrayRecord, shardsWith } from './stray-records.ts';

/**
 * The only code that appends to a stream. It promises that the log has no gap and no reordering per source and target
 * shard, whatever fails. So readers can drop every duplicate by its sequence (docs/architecture.md). For this, each
 * target shard has at most one record in flight, a failed record is sent again before any later one, and no request is
 * in flight after `append` has returned or thrown.
 */
export interface LogWriter {
  /**
   * Resolves when every event that is not refused is in the log. Some may be there twice. Retries until the signal
   * aborts, and then throws `LogThrottled` or the last error; any of the events may be in the log then. Appends wait
   * for each other. `packed`: records of these events that need not be packed again.
   */
  append(events: readonly OutgoingEvent[], signal: AbortSignal, packed?: PackedEvents): Promise<Appended>;
  /** Resolves to the events that `append` would refuse. Call this first to append either all of them or none. */
  oversized(events: readonly OutgoingEvent[], signal: AbortSignal): Promise<Appended['refused']>;
}

export interface Appended {
  /** Kinesis records, and their billed bytes: data and partition key. */
  readonly records: number;
  readonly bytes: number;
  /**
   * Events that are larger than a record may be. They are not in the log. `size` is in bytes, as the event would be in
   * the record.
   */
  readonly refused: readonly { readonly index: number; readonly size: number; readonly limit: number }[];
}

export interface LogWriterSettings {
  readonly kinesis: Kinesis;
  /** The stream's name or ARN. */
  readonly stream: string;
  readonly compression?: 'zstd';
  /**
   * The most bytes of a record. When the stream is named by its ARN, this is the stream's own limit, and the writer
   * never describes the stream. Otherwise this only lowers the limits of the stream and of Lambda.
   */
  readonly maxRecordBytes?: number;
  /** The version of the stream's schema that events get, unless it is the first one. */
  readonly version?: string | undefined;
  readonly random?: () => number;
  readonly sleep?: Sleep;
  /** The stream's shape, if the caller knows it already. */
  readonly shape?: WritableShape;
}

/** The part of a stream's shape that a writer needs. */
type WritableShape = Pick<StreamShape, 'arn' | 'maxRecordBytes' | 'shards'>;

/** The stream throttled the append until its time was over. */
export class LogThrottled extends Error {
  constructor(stream: string, shardIds: readonly string[]) {
    super(`stream ${stream} throttles ${shardIds.join(', ')}: give it more shards, or send less`);
    this.name = 'LogThrottled';
  }
}

/** An invocation carries 6 MB, with records in base64. A record of 4 MiB leaves room for the rest. */
const LARGEST_RECORD_BYTES = 4 * 1024 * 1024 - 1024;

export function openLogWriter(settings: LogWriterSettings): LogWriter {
  const known: Known = { shape: settings.shape };
  let turn: Promise<unknown> = Promise.resolve();
  return {
    async oversized(events, signal) {
      if (events.length === 0) return [];
      known.shape ??= await shapeOf(settings, signal);
      const limit = dataLimit(settings, known.shape);
      return oversized(withVersion(events, settings), limit).map((refused) => ({ ...refused, limit }));
    },
    append(events, signal, packed) {
      const appended = turn.then(() =>
        appendAll(settings, known, { events: withVersion(events, settings), signal, packed }),
      );
      turn = appended.catch(() => undefined);
      return appended;
    },
  };
}

/** Ticks have no schema, and an event that is encoded already has its version. */
export function withVersion(
  events: readonly OutgoingEvent[],
  { version }: Pick<LogWriterSettings, 'version'>,
): readonly OutgoingEvent[] {
  const dataSchema = schemaAttribute(version);
  if (dataSchema === undefined) return events;
  return events.map((event) =>
    event.encoded !== undefined || event.redrivenFor !== undefined ? event : { ...event, dataSchema },
  );
}

/** What a process knows about the stream. It asks once, and again only after a surprise. */
interface Known {
  shape: WritableShape | undefined;
}

/**
 * Finds out what a writer needs to know. Kinesis answers DescribeStreamSummary 20 times a second for a whole account,
 * and ListShards 1,000 times for each stream, so a burst of new processes must not describe their stream.
 */
async function shapeOf(settings: LogWriterSettings, signal: AbortSignal): Promise<WritableShape> {
  const { kinesis, stream, maxRecordBytes, sleep = sleepFor } = settings;
  if (maxRecordBytes === undefined || !stream.startsWith('arn:')) return describeStream(kinesis, stream, signal);
  return { arn: stream, maxRecordBytes, shards: await listShards(kinesis, stream, { signal, sleep }) };
}

interface Append {
  readonly kinesis: Kinesis;
  readonly arn: string;
  readonly events: readonly OutgoingEvent[];
  readonly limit: number;
  readonly compression: 'zstd' | undefined;
  readonly packed: PackedEvents | undefined;
  /** Aborts with the caller's signal, and at the end of the append. */
  readonly signal: AbortSignal;
  readonly random: () => number;
  readonly sleep: Sleep;
  /** Sizes by index. An event may be packed, and refused, more than once. */
  readonly refused: Map<number, number>;
  queues: ShardQueue[];
  records: number;
  bytes: number;
  lastFailure: unknown;
}

async function appendAll(
  settings: LogWriterSettings,
  known: Known,
  { events, signal, packed }: ToAppend,
): Promise<Appended> {
  if (events.length === 0) return { records: 0, bytes: 0, refused: [] };
  signal.throwIfAborted();
  const ended = new AbortController();
  let append: Append | undefined;
  try {
    known.shape ??= await shapeOf(settings, signal);
    append = begin(settings, known.shape, { events, packed, signal: AbortSignal.any([signal, ended.signal]) });
    while (append.queues.length > 0) {
      const strays = await sendWave(append);
      if (strays.length === 0) continue;
      const shards = await shardsWith(strays, append);
      known.shape = { ...known.shape, shards };
      append.queues = requeued(append, strays, shards);
    }
    return appendedBy(append);
  } catch (error) {
    if (signal.aborted) throw append ? whyNotInTime(append, error) : error;
    // The stream may be another one by now, or may have other limits.
    known.shape = undefined;
    throw error;
  } finally {
    ended.abort();
  }
}

type ToAppend = Pick<Append, 'events' | 'signal' | 'packed'>;

function begin(settings: LogWriterSettings, shape: WritableShape, { events, signal, packed }: ToAppend): Append {
  const { kinesis, compression, random = Math.random, sleep = sleepFor } = settings;
  return {
    kinesis,
    arn: shape.arn,
    events,
    limit: dataLimit(settings, shape),
    compression,
    packed,
    signal,
    random,
    sleep,
    refused: new Map(),
    queues: queuesFor(events, events.keys(), openShards(shape)),
    records: 0,
    bytes: 0,
    lastFailure: undefined,
  };
}

/** Returns the most bytes of a record's data. */
function dataLimit({ maxRecordBytes = Infinity }: LogWriterSettings, shape: WritableShape): number {
  return Math.min(maxRecordBytes, shape.maxRecordBytes, LARGEST_RECORD_BYTES) - RECORD_OVERHEAD_BYTES;
}

/** Sends the next record of every queue that is not waiting, in one request. */
async function sendWave(append: Append): Promise<readonly StrayRecord[]> {
  append.signal.throwIfAborted();
  const wave = nextWave(append);
  if (wave.length === 0) {
    if (append.queues.length > 0) await Promise.race(append.queues.map((queue) => queue.rest));
    return [];
  }
  const outcomes = await putRecords(
    append,
    wave.map(({ record }) => record),
  );
  const strays: StrayRecord[] = [];
  const failed: ShardQueue[] = [];
  for (const [index, outcome] of outcomes.entries()) {
    const { queue, record } = wave[index] as Wave[number];
    if (outcome.shardId === undefined) {
      append.lastFailure = outcome.failure;
      queue.throttled = outcome.throttled;
      failed.push(queue);
      continue;
    }
    append.records++;
    append.bytes += billedBytes(record);
    if (outcome.shardId === queue.shard.id) advance(queue, record);
    else strays.push({ queue, record, shardId: outcome.shardId });
  }
  rest(append, failed);
  append.queues = append.queues.filter(unfinished);
  return strays;
}

type Wave = readonly { readonly queue: ShardQueue; readonly record: PackedRecord }[];

/** Packs the next record of every queue that is not waiting. Empty when every queue waits or is done. */
function nextWave(append: Append): Wave {
  const { events, limit, compression, packed, refused } = append;
  const refuse = (index: number, size: number) => refused.set(index, size);
  const wave: { queue: ShardQueue; record: PackedRecord }[] = [];
  let bytes = 0;
  for (const queue of append.queues) {
    if (queue.rest !== undefined) continue;
    queue.record ??= pack(queue, events, { maxBytes: limit, compression, packed, refuse });
    if (queue.record === undefined) continue;
    bytes += billedBytes(queue.record);
    if (wave.length === REQUEST_RECORDS || bytes > REQUEST_BYTES) break;
    wave.push({ queue, record: queue.record });
  }
  append.queues = append.queues.filter(unfinished);
  return wave;
}

/** Lets failed queues wait together, so that their records come again in one request. */
function rest({ signal, random, sleep }: Append, failed: readonly ShardQueue[]): void {
  if (failed.length === 0) return;
  const millis = backOffMillis(Math.max(...failed.map(({ failures }) => failures)), random);
  const rested = sleep(millis, signal)
    .catch(() => undefined)
    .then(() => {
      for (const queue of failed) queue.rest = undefined;
    });
  for (const queue of failed) {
    queue.failures++;
    queue.rest = rested;
  }
}

function appendedBy({ records, bytes, limit, refused }: Append): Appended {
  return { records, bytes, refused: [...refused].map(([index, size]) => ({ index, size, limit })) };
}

function whyNotInTime({ queues, arn, lastFailure }: Append, error: unknown): unknown {
  const throttled = queues.filter((queue) => queue.throttled).map(({ shard }) => shard.id);
  return throttled.length > 0 ? new LogThrottled(arn, throttled) : (lastFailure ?? error);
}
