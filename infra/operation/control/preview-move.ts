import { isReached, type RewindPoint } from '../../../functions/runtime/checkpoints/rewind-state.ts';
import { UserMistake } from '../../../functions/runtime/errors.ts';
import type { IteratorStart } from '../../../functions/runtime/log/shard-iterator.ts';
import { describeStream, type StreamShape } from '../../../functions/runtime/log/shards.ts';
import type { ShardAnswer } from '../../../functions/runtime/operator-request.ts';
import { decodeRecord } from '../../../functions/runtime/record-codec/decode.ts';
import type { LogRecord } from '../../../functions/runtime/record-codec/record.ts';
import type { SinkPlan, TransformPlan } from '../../pipelines/plan.ts';
import { positionsOf } from '../status/positions.ts';
import { readingOf, type ShardReading } from '../status/shard-reading.ts';
import type { TargetWithFunctions } from '../target.ts';

/** A record of a shard, and when it arrived. */
export interface RecordPosition {
  readonly sequenceNumber: string;
  readonly time?: string;
}

/** What moving a step would do in one shard. */
export interface Move {
  readonly shard: string;
  /** The record that the step is in or just after; undefined when it has read nothing yet. */
  readonly from?: RecordPosition;
  /** The first record that it would do next; undefined: what comes after all there is. */
  readonly to?: RecordPosition;
  readonly does: 'replays' | 'skips' | 'nothing';
  /** That it would replay or skip: as the log has them, those that were appended again included. */
  readonly records: number;
  readonly events: number;
  /** There are more than were counted. */
  readonly andMore?: true;
}

export interface Wanted {
  readonly to: RewindPoint;
  readonly shards?: readonly string[] | undefined;
}

/** Throws a `UserMistake` for a place that the log does not hold. */
export async function movesTo(
  step: TransformPlan | SinkPlan,
  target: TargetWithFunctions,
  { to, shards, signal }: Wanted & { readonly signal: AbortSignal },
): Promise<readonly Move[]> {
  const { kinesis } = target.clients;
  const stream = target.streamName(step.input.stream);
  const shape = await describeStream(kinesis, stream, signal);
  refuseUnknown(shape, shards);
  const answers = (await positionsOf(step, target, signal)).filter(({ shard }) => shards?.includes(shard) ?? true);
  const readings = answers.map(({ shard }) => ({
    shard,
    read: readingOf({ kinesis, stream, shardId: shard, signal }),
  }));
  await refuseBeyond(shape, readings, to);
  return await Promise.all(
    answers.map((answer, index) => moveOf(answer, (readings[index] as Reading).read, { stream, to })),
  );
}

/** Throws a `UserMistake` for a place that the log does not hold, in any of the step's shards. */
export async function refuseBeyondLog(
  step: TransformPlan | SinkPlan,
  target: TargetWithFunctions,
  { to, signal }: Wanted & { readonly signal: AbortSignal },
): Promise<void> {
  const { kinesis } = target.clients;
  const stream = target.streamName(step.input.stream);
  const shape = await describeStream(kinesis, stream, signal);
  const read = (shardId: string): ShardReading => readingOf({ kinesis, stream, shardId, signal });
  await refuseBeyond(
    shape,
    shape.shards.map(({ id }) => ({ shard: id, read: read(id) })),
    to,
  );
}

interface Reading {
  readonly shard: string;
  readonly read: ShardReading;
}

function refuseUnknown({ shards, name }: StreamShape, wanted: readonly string[] = []): void {
  const unknown = wanted.filter((shard) => !shards.some(({ id }) => id === shard));
  if (unknown.length === 0) return;
  throw new UserMistake(
    `stream ${name} has no shard ${unknown.join(', ')}: there are ${shards.map(({ id }) => id).join(', ')}`,
  );
}

/** What is trimmed away cannot be read again; what is not there yet cannot be waited for. */
async function refuseBeyond(shape: StreamShape, readings: readonly Reading[], to: RewindPoint): Promise<void> {
  if (to === 'earliest') return;
  if ('millis' in to) {
    if (to.millis > Date.now()) throw new UserMistake(`${timeOf(to.millis)} is in the future: latest is now`);
    if (to.millis >= Date.now() - shape.retentionMillis) return;
    const earliest = await Promise.all(readings.map(({ read }) => read.earliest()));
    const times = earliest.flatMap((record) => (record === undefined ? [] : [record.approximateArrivalMillis]));
    const what = times.length === 0 ? 'it holds nothing' : `the earliest position is ${timeOf(Math.min(...times))}`;
    throw new UserMistake(
      `${timeOf(to.millis)} is beyond the retention of ${shape.retentionMillis / 3_600_000} hours of stream ${shape.name}: ${what} (earliest)`,
    );
  }
  const [only, another] = readings;
  if (only === undefined || another !== undefined)
    throw new UserMistake(
      `a sequence number is of one shard: name it (--shard), there are ${readings.map(({ shard }) => shard).join(', ')}`,
    );
  const earliest = await only.read.earliest();
  if (earliest !== undefined && BigInt(earliest.sequenceNumber) > BigInt(to.sequenceNumber))
    throw new UserMistake(
      `${to.sequenceNumber} is no longer in ${only.shard}: the earliest position is ${earliest.sequenceNumber}, of ${timeOf(earliest.approximateArrivalMillis)} (earliest)`,
    );
  // A number that no record of the shard can have may have been read as its start.
  if (await isReachedAtOnce(only.read, to)) return;
  throw new UserMistake(`${only.shard} has no record ${to.sequenceNumber}, and none after it (latest)`);
}

async function isReachedAtOnce(read: ShardReading, to: RewindPoint): Promise<boolean> {
  for await (const record of read.from(startOf(to))) return isReached(to, record);
  return false;
}

async function moveOf(
  { shard, sequenceNumber }: ShardAnswer,
  read: ShardReading,
  { stream, to }: { readonly stream: string; readonly to: RewindPoint },
): Promise<Move> {
  const first = await firstFrom(read, to);
  const target = first === undefined ? {} : { to: recordPositionOf(first) };
  if (sequenceNumber === undefined) return { shard, ...target, does: 'nothing', records: 0, events: 0 };
  const position = BigInt(sequenceNumber);
  const isBack = first !== undefined && BigInt(first.sequenceNumber) <= position;
  const range = isBack
    ? await counted(read, { stream, start: startOf(to), takes: within(to, position) })
    : await counted(read, { stream, start: { atSequenceNumber: sequenceNumber }, takes: between(position, to) });
  const own = await firstFrom(read, { sequenceNumber });
  const does = range.records === 0 ? 'nothing' : isBack ? 'replays' : 'skips';
  const from =
    own !== undefined && BigInt(own.sequenceNumber) === position ? recordPositionOf(own) : { sequenceNumber };
  return { shard, from, ...target, does, ...range };
}

/** `before`: it comes before the range. `after`: it and all that follow come after it. */
type Takes = (record: LogRecord) => 'before' | 'inside' | 'after';

function within(to: RewindPoint, position: bigint): Takes {
  return (record) => {
    if (BigInt(record.sequenceNumber) > position) return 'after';
    return isReached(to, record) ? 'inside' : 'before';
  };
}

function between(position: bigint, to: RewindPoint): Takes {
  return (record) => {
    if (BigInt(record.sequenceNumber) <= position) return 'before';
    return isReached(to, record) ? 'after' : 'inside';
  };
}

/** A shard gives 2 MB/s to all its readers together: whoever looks leaves most of it to them. */
const MOST_RECORDS = 5_000;
const MOST_BYTES = 4 * 1024 * 1024;

async function counted(
  read: ShardReading,
  { stream, start, takes }: { readonly stream: string; readonly start: IteratorStart; readonly takes: Takes },
): Promise<Pick<Move, 'records' | 'events' | 'andMore'>> {
  const range = { records: 0, events: 0 };
  let bytes = 0;
  for await (const record of read.from(start)) {
    const is = takes(record);
    if (is === 'after') return range;
    if (is === 'before') continue;
    if (range.records >= MOST_RECORDS || bytes >= MOST_BYTES) return { ...range, andMore: true };
    range.records++;
    range.events += decodeRecord(record, { name: stream }).entries.length;
    bytes += record.data.length;
  }
  return range;
}

async function firstFrom(read: ShardReading, to: RewindPoint): Promise<LogRecord | undefined> {
  for await (const record of read.from(startOf(to))) if (isReached(to, record)) return record;
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
