import { isReached, type RewindPoint } from '../../../functions/runtime/checkpoints/rewind-state.ts';
import { UserMistake } from '../../../functions/runtime/errors.ts';
import type { IteratorStart } from '../../../functions/runtime/log/shard-iterator.ts';
import { describeStream, type StreamShape } from '../../../functions/runtime/log/shards.ts';
import type { ShardAnswer } from '../../../functions/runtime/operator-request.ts';
import { decodeRecord } from '../../../functions/runtime/record-codec/decode.ts';
import type { LogRecord } from '../../../functions/runtime/record-codec/record.ts';
import type { ReaderPlan } from '../../pipelines/plan.ts';
import { positionsOf } from '../status/positions.ts';
import { openShardReader, type ShardReader } from '../status/shard-reading.ts';
import type { TargetWithFunctions } from '../target.ts';
import type { RewindRequest } from './rewind.ts';

/** A record of a shard. */
export interface RecordPosition {
  readonly sequenceNumber: string;
  /** When it arrived, as RFC 3339. Missing when the record has expired. */
  readonly time?: string;
}

/** The effect of a move in one shard. */
export interface ShardMove {
  readonly shard: string;
  /** The last record that the step has read, perhaps not to its end. Missing when the step has read nothing yet. */
  readonly from?: RecordPosition;
  /** The record that the step would read next. Missing when that record has not arrived yet. */
  readonly to?: RecordPosition;
  readonly does: 'replays' | 'skips' | 'nothing';
  /** Replayed or skipped records and events, as the log holds them: duplicates count too. */
  readonly records: number;
  readonly events: number;
  /** Counting stopped at its limit, so there are more. */
  readonly andMore?: true;
}

/**
 * Reads the log to tell what a move would do, and moves nothing. Throws a `UserMistake` when the log does not hold the
 * position, or has no such shard.
 */
export async function previewMove(
  step: ReaderPlan,
  target: TargetWithFunctions,
  { to, shards, signal }: Pick<RewindRequest, 'to' | 'shards'> & { readonly signal: AbortSignal },
): Promise<readonly ShardMove[]> {
  const { kinesis } = target.clients;
  const stream = target.streamName(step.input.stream);
  const shape = await describeStream(kinesis, stream, signal);
  refuseUnknownShards(shape, shards);
  const answers = (await positionsOf(step, target, signal)).filter(({ shard }) => shards?.includes(shard) ?? true);
  const readers = answers.map(({ shard }) => ({
    shard,
    reader: openShardReader({ kinesis, stream, shardId: shard, signal }),
  }));
  await refuseBeyond(shape, readers, to);
  return await Promise.all(
    answers.map((answer, index) => moveOf(answer, (readers[index] as NamedReader).reader, { stream, to })),
  );
}

/** Throws a `UserMistake` when the log does not hold a position in the step's shards. */
export async function refuseBeyondLog(
  step: ReaderPlan,
  target: TargetWithFunctions,
  { to, signal }: { readonly to: RewindPoint; readonly signal: AbortSignal },
): Promise<void> {
  const { kinesis } = target.clients;
  const stream = target.streamName(step.input.stream);
  const shape = await describeStream(kinesis, stream, signal);
  const readers = shape.shards.map(({ id }) => ({
    shard: id,
    reader: openShardReader({ kinesis, stream, shardId: id, signal }),
  }));
  await refuseBeyond(shape, readers, to);
}

interface NamedReader {
  readonly shard: string;
  readonly reader: ShardReader;
}

function refuseUnknownShards({ shards, name }: StreamShape, requested: readonly string[] = []): void {
  const unknown = requested.filter((shard) => !shards.some(({ id }) => id === shard));
  if (unknown.length === 0) return;
  throw new UserMistake(
    `stream ${name} has no shard ${unknown.join(', ')}; use one of ${shards.map(({ id }) => id).join(', ')}`,
  );
}

/** Throws a `UserMistake` when the position's records have expired or have not arrived yet. */
async function refuseBeyond(shape: StreamShape, readers: readonly NamedReader[], to: RewindPoint): Promise<void> {
  if (to === 'earliest') return;
  if ('millis' in to) {
    if (to.millis > Date.now()) throw new UserMistake(`${timeOf(to.millis)} is in the future; use latest`);
    if (to.millis >= Date.now() - shape.retentionMillis) return;
    const earliest = await Promise.all(readers.map(({ reader }) => reader.earliest()));
    const times = earliest.flatMap((record) => (record === undefined ? [] : [record.approximateArrivalMillis]));
    const earliestTime =
      times.length === 0 ? 'the stream is empty' : `its first record arrived at ${timeOf(Math.min(...times))}`;
    throw new UserMistake(
      `${timeOf(to.millis)} is before the retention of stream ${shape.name}, ${shape.retentionMillis / 3_600_000} hours; use earliest (${earliestTime})`,
    );
  }
  const [only, another] = readers;
  if (only === undefined || another !== undefined)
    throw new UserMistake(
      `a sequence number identifies a record in one shard: add --shard with one of ${readers.map(({ shard }) => shard).join(', ')}`,
    );
  const earliest = await only.reader.earliest();
  if (earliest !== undefined && BigInt(earliest.sequenceNumber) > BigInt(to.sequenceNumber))
    throw new UserMistake(
      `record ${to.sequenceNumber} of ${only.shard} has expired; use earliest (record ${earliest.sequenceNumber}, which arrived at ${timeOf(earliest.approximateArrivalMillis)})`,
    );
  // The reader starts at the earliest record when the shard cannot have a record with this number.
  if (await startsAt(only.reader, to)) return;
  throw new UserMistake(`${only.shard} has no record ${to.sequenceNumber} and none after it; use latest`);
}

async function startsAt(reader: ShardReader, to: RewindPoint): Promise<boolean> {
  for await (const record of reader.from(startOf(to))) return isReached(to, record);
  return false;
}

async function moveOf(
  { shard, sequenceNumber }: ShardAnswer,
  reader: ShardReader,
  { stream, to }: { readonly stream: string; readonly to: RewindPoint },
): Promise<ShardMove> {
  const first = await firstFrom(reader, to);
  const next = first === undefined ? {} : { to: recordPositionOf(first) };
  if (sequenceNumber === undefined) return { shard, ...next, does: 'nothing', records: 0, events: 0 };
  const position = BigInt(sequenceNumber);
  const isBack = first !== undefined && BigInt(first.sequenceNumber) <= position;
  const range = isBack
    ? await countRange(reader, { stream, start: startOf(to), locate: replayed(to, position) })
    : await countRange(reader, { stream, start: { atSequenceNumber: sequenceNumber }, locate: skipped(position, to) });
  const own = await firstFrom(reader, { sequenceNumber });
  const does = range.records === 0 ? 'nothing' : isBack ? 'replays' : 'skips';
  const from =
    own !== undefined && BigInt(own.sequenceNumber) === position ? recordPositionOf(own) : { sequenceNumber };
  return { shard, from, ...next, does, ...range };
}

/** Tells where a record lies: before, inside or after a range. */
type Locate = (record: LogRecord) => 'before' | 'inside' | 'after';

/** The range that a move back replays: from the new position to the old one. */
function replayed(to: RewindPoint, position: bigint): Locate {
  return (record) => {
    if (BigInt(record.sequenceNumber) > position) return 'after';
    return isReached(to, record) ? 'inside' : 'before';
  };
}

/** The range that a move forward skips: after the old position, up to the new one. */
function skipped(position: bigint, to: RewindPoint): Locate {
  return (record) => {
    if (BigInt(record.sequenceNumber) <= position) return 'before';
    return isReached(to, record) ? 'after' : 'inside';
  };
}

/** All readers of a shard share 2 MB/s, so a preview reads a limited number of records and bytes. */
const MOST_RECORDS = 5_000;
const MOST_BYTES = 4 * 1024 * 1024;

async function countRange(
  reader: ShardReader,
  { stream, start, locate }: { readonly stream: string; readonly start: IteratorStart; readonly locate: Locate },
): Promise<Pick<ShardMove, 'records' | 'events' | 'andMore'>> {
  const range = { records: 0, events: 0 };
  let bytes = 0;
  for await (const record of reader.from(start)) {
    const where = locate(record);
    if (where === 'after') return range;
    if (where === 'before') continue;
    if (range.records >= MOST_RECORDS || bytes >= MOST_BYTES) return { ...range, andMore: true };
    range.records++;
    range.events += decodeRecord(record, { name: stream }).entries.length;
    bytes += record.data.length;
  }
  return range;
}

async function firstFrom(reader: ShardReader, to: RewindPoint): Promise<LogRecord | undefined> {
  for await (const record of reader.from(startOf(to))) if (isReached(to, record)) return record;
  return undefined;
}

function startOf(to: RewindPoint): IteratorStart {
  if (to === 'earliest') return to;
  return 'millis' in to ? new Date(to.millis) : { atSequenceNumber: to.sequenceNumber };
}

function recordPositionOf({ sequenceNumber, approximateArrivalMillis }: LogRecord): RecordPosition {
  return { sequenceNumber, time: timeOf(approximateArrivalMillis) };
}

function timeOf(millis: number): string {
  return new Date(millis).toISOString();
}
