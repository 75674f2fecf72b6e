import { GetObjectCommand } from '@aws-sdk/client-s3';
import { openBatch } from '../../../functions/runtime/batches/batch.ts';
import { noMarks } from '../../../functions/runtime/checkpoints/marks.ts';
import { UserMistake } from '../../../functions/runtime/errors.ts';
import type { ReceivedEvent } from '../../../functions/runtime/event.ts';
import { readShard } from '../../../functions/runtime/log/log-reader.ts';
import { describeStream } from '../../../functions/runtime/log/shards.ts';
import { isPosition, type Position, START_OF_SHARD } from '../../../functions/runtime/position.ts';
import type { LogRecord } from '../../../functions/runtime/record-codec/record.ts';
import { parseOrExplain } from '../../../functions/runtime/step-config.ts';
import { ndjsonContent } from '../../../functions/sinks/s3/ndjson-content.ts';
import type { S3Options } from '../../../functions/sinks/s3/options.ts';
import { s3Definition } from '../../../functions/sinks/s3/s3.ts';
import { type ContentOf, planSlice } from '../../../functions/sinks/s3/write-files.ts';
import type { SinkPlan } from '../../pipelines/plan.ts';
import type { Verdict } from './run-again.ts';
import type { TracedEvent } from './traced-event.ts';
import type { Tracing } from './tracing.ts';

/** Why an object of the lake is as it is. */
export interface ObjectReason {
  readonly shard: string;
  /** The events that are its lines, in their order. */
  readonly events: readonly TracedEvent[];
  /** Whether the sink makes the same bytes of them again. */
  readonly verdict: Verdict;
}

/** What the name of an object says: which range of which shard it was made of. */
const NAME = /\/slice-(.+)-(shardId-\d+)\.([\w-]{36})\.([\w-]{36})\.\d+\.(?:ndjson(?:\.gz|\.zst)?|parquet)$/;

/** The name of an object that compaction has made of others. */
const MERGED = /\/merged-\d+-[0-9a-f]+\.[\w.]+$/;

/**
 * Finds the events of an object: its name has the range of the log that it was made of. The sink makes the file again
 * of that range, and the bytes are compared with the object's.
 */
export async function whyObject(step: SinkPlan, key: string, tracing: Tracing): Promise<ObjectReason> {
  const [, incarnation = '', shard = '', from = '', to = ''] = NAME.exec(key) ?? [];
  if (MERGED.test(key))
    throw new UserMistake(
      `'${key}' was merged of other objects, so its name says no range of the log: its rows have the ids of their events, which millrace trace follows`,
    );
  if (!isPosition(from) || !isPosition(to))
    throw new UserMistake(`'${key}' is no object of an S3 sink: its name ends in slice-….ndjson or slice-….parquet`);
  const { target, signal } = tracing;
  const stored = await objectBytes(key, tracing);
  const options = parseOrExplain(s3Definition.options, step.options, `the options of '${step.name}'`);
  const stream = target.streamName(step.input.stream);
  const shape = await describeStream(target.clients.kinesis, stream, signal);
  const described = shape.shards.find(({ id }) => id === shard);
  if (shape.incarnation !== incarnation || described === undefined)
    throw new UserMistake(`the object was made of ${shard} of a stream that is gone: its events are in no log`);
  const slice = { shard: `${incarnation}/${shard}`, from: from === START_OF_SHARD ? undefined : from, to };
  const arrivals = new Map<Position, number>();
  const all: LogRecord[] = [];
  const pages = await readWhole(pagesOf(step, { ...slice, shardId: shard, stream, arrivals, records: all }, tracing));
  const { files } = await planSlice({ ...slice, pages, records: { shard: described, all } }, options);
  const file = files.find((one) => one.key === key);
  const events = (file?.events ?? []).map((event) => ({
    stream: step.input.stream,
    shard,
    event,
    arrivedMillis: arrivals.get(event.position) ?? 0,
  }));
  if (file === undefined)
    return { shard, events, verdict: { is: 'unknown', why: 'the log no longer holds its events' } };
  const { body: made } = await (await contentOf(step, options))(file, signal);
  const verdict: Verdict = made.equals(stored)
    ? { is: 'same' }
    : {
        is: 'different',
        why: `the sink makes ${made.length} bytes of its range of the log, and the object has ${stored.length}`,
      };
  return { shard, events, verdict };
}

/** Reads all pages before it yields one: by then the records of them are known. */
async function readWhole<T>(pages: AsyncIterable<T>): Promise<AsyncIterable<T>> {
  const read: T[] = [];
  for await (const page of pages) read.push(page);
  return (async function* () {
    yield* read;
  })();
}

/** Loads DuckDB only for Parquet. */
async function contentOf(step: SinkPlan, options: S3Options): Promise<ContentOf> {
  if (options.format !== 'parquet') return ndjsonContent(options);
  const { parquetFiles } = await import('../../../functions/sinks/s3/parquet/parquet-file.ts');
  const { parquetColumnsOf } = await import('../../../functions/sinks/s3/parquet/columns.ts');
  return parquetFiles(parquetColumnsOf(step.input.stream.schema, options), options.lines);
}

async function objectBytes(Key: string, { target, signal }: Tracing): Promise<Buffer> {
  const { clients, names } = target;
  const get = new GetObjectCommand({ Bucket: names.lake, Key });
  try {
    const { Body } = await clients.s3.send(get, { abortSignal: signal });
    return Buffer.from((await Body?.transformToByteArray()) ?? []);
  } catch (error) {
    if ((error as Error).name !== 'NoSuchKey') throw error;
    throw new UserMistake(`there is no object '${Key}' in ${names.lake}`);
  }
}

/** Reads a slice as the sink did, but for duplicates: an event that was appended twice comes twice. */
async function* pagesOf(
  step: SinkPlan,
  slice: {
    readonly shardId: string;
    readonly stream: string;
    readonly from: Position | undefined;
    readonly to: Position;
    readonly arrivals: Map<Position, number>;
    readonly records: LogRecord[];
  },
  { target, signal }: Tracing,
): AsyncGenerator<readonly ReceivedEvent[]> {
  const { shardId, stream, from, to, arrivals, records } = slice;
  const { kinesis } = target.clients;
  const { shards } = await describeStream(kinesis, stream, signal);
  const shard = shards.find(({ id }) => id === shardId);
  if (shard === undefined) return;
  const facts = {
    stream,
    from: shard.from,
    to: shard.to,
    own: step.input.own,
    names: [`${step.pipeline}/${step.name}`],
  };
  const state = { position: from, marks: noMarks(shard.from, shard.to), rejections: [] };
  const batch = openBatch(state, facts);
  for await (const page of readShard({ kinesis, stream, shardId, after: from, to, trimmedIsNoLoss: true, signal })) {
    const before = batch.events.length;
    for (const record of page.records) {
      const known = batch.events.length;
      batch.take(record, to);
      records.push(record);
      for (const { position } of batch.events.slice(known)) arrivals.set(position, record.approximateArrivalMillis);
    }
    if (batch.events.length > before) yield batch.events.slice(before);
  }
}
