import { type Batch, openBatch } from '../batches/batch.ts';
import type { BatchWork } from '../batches/batch-work.ts';
import { endDrainedInputs } from '../batches/drained-inputs.ts';
import { report } from '../batches/report.ts';
import type { Input, ShardInput } from '../batches/shard-input.ts';
import type { SinkStep } from '../batches/sink-step.ts';
import { fixSlice, writeBatch } from '../batches/write-batch.ts';
import { shardKey } from '../checkpoints/shard-states.ts';
import { decodeState, type StepState } from '../checkpoints/step-state.ts';
import { LostRange, readShard } from '../log/log-reader.ts';
import { SLICE } from '../log/portion.ts';
import { type RecordBatch, recordBatchesOf } from '../log/record-batches.ts';
import type { Shard, StreamShape } from '../log/shards.ts';
import { processGuarded } from '../poison/isolate.ts';
import { openSliceAttempt, type SliceAttempt } from '../poison/slice-attempt.ts';
import { catchUpShard } from '../rewind/catch-up-shard.ts';
import { endPlanWhenDone } from '../rewind/catch-up-step.ts';
import { beginPlan } from '../rewind/spread-plan.ts';
import { deadlineOf, type Invocation } from '../step.ts';
import { inDoubt } from '../versions/number-batch.ts';
import { firstStart } from './first-start.ts';
import { openReadToEnd, type ReadToEnd } from './read-to-end.ts';
import { tidyUnderLease } from './tidy.ts';

/** How many shards one run reads at once. */
const SHARDS_AT_ONCE = 2;

/**
 * A slice is begun only while this share of the run's time is left, because a slice that the end of the invocation cuts
 * off has to be read and written again.
 */
const TIME_FOR_A_SLICE = 1 / 3;

/**
 * Runs a scheduled sink once: writes every shard from its position to the end of the log, parents before children. A
 * scheduler may start a run twice, and a run may outlast its interval. So a run takes a lease for each shard, which
 * keeps other runs from reading the same records. The lease only saves work: if it fails, the checkpoint decides.
 */
export async function runScheduled(sink: SinkStep, batchWork: BatchWork, invocation: Invocation): Promise<undefined> {
  const { input } = batchWork;
  const signal = deadlineOf(invocation);
  if ((await sink.step.pause.inForce(signal)) !== undefined) return;
  const untilMillis = sink.step.now() + invocation.getRemainingTimeInMillis();
  const lastStartMillis = untilMillis - invocation.getRemainingTimeInMillis() * TIME_FOR_A_SLICE;
  const begun = await beginPlan(batchWork, signal);
  const shape = await input.refresh(signal);
  const run: ScheduledRun = {
    sink,
    input,
    batchWork,
    shape,
    start: await firstStart(sink.step, signal),
    readToEnd: openReadToEnd(sink.step, shape),
    owner: invocation.awsRequestId,
    untilMillis,
    lastStartMillis,
  };
  // Ids grow, so parents come before their children.
  const waiting = [...shape.shards].sort((a, b) => (a.id < b.id ? -1 : 1));
  const ended = new Map<string, Promise<boolean>>();
  const failures: unknown[] = [];

  const runOne = async (shard: Shard): Promise<boolean> => {
    const parents = await Promise.all(shard.parents.map((id) => ended.get(id) ?? true));
    if (!parents.every(Boolean)) return false;
    try {
      return await runShard(run, shard, signal);
    } catch (error) {
      sink.step.complain(shard.id, error);
      failures.push(error);
      return false;
    }
  };
  const worker = async (): Promise<void> => {
    for (let shard = waiting.shift(); shard !== undefined; shard = waiting.shift()) {
      const running = runOne(shard);
      ended.set(shard.id, running);
      await running;
    }
  };
  await Promise.all(Array.from({ length: SHARDS_AT_ONCE }, worker));
  if (failures.length > 0) throw failures[0];
  if (begun !== 'busy') await endPlanWhenDone(batchWork, begun, signal);
  await tidyUnderLease(run, signal);
}

/** What one scheduled run needs for each of its shards. */
interface ScheduledRun {
  readonly sink: SinkStep;
  readonly input: Input;
  readonly batchWork: BatchWork;
  readonly shape: StreamShape;
  readonly start: 'earliest' | Date;
  readonly readToEnd: ReadToEnd;
  readonly owner: string;
  /** When the invocation ends, in milliseconds since 1970. */
  readonly untilMillis: number;
  /** The time after which no slice is begun, in milliseconds since 1970. */
  readonly lastStartMillis: number;
}

/**
 * Where a slice ends. `more`: there may be more to write. `all`: at the end of the log. `ended`: at the end of a closed
 * shard.
 */
type SliceEnd = 'more' | 'all' | 'ended';

/** Writes the next slices of one shard under its lease. True: the shard is closed and completely written. */
async function runShard(run: ScheduledRun, shard: Shard, signal: AbortSignal): Promise<boolean> {
  const { sink, input, owner, untilMillis, lastStartMillis } = run;
  const { checkpoints, now, pause } = sink.step;
  const key = shardKey(run.shape, shard.id);
  if (!shard.open && (await hasEnded(sink, key, signal))) return true;
  if (!(await checkpoints.lease({ key, owner, nowMillis: now(), untilMillis, signal }))) return false;
  try {
    input.forget(key);
    if (!(await bringToTarget(run, shard, signal))) return false;
    let slice: SliceEnd = 'more';
    while (slice === 'more' && now() < lastStartMillis && (await pause.inForce(signal)) === undefined) {
      slice = await runSlice(run, shard, signal);
    }
    if (slice === 'all') await run.readToEnd.note(key, signal);
    return slice === 'ended';
  } finally {
    input.forget(key);
    await checkpoints.release({ key, owner });
  }
}

/**
 * Brings a rewound shard to its target. True: the shard is there, or is not rewound, and slices continue from there.
 */
async function bringToTarget(
  { batchWork, lastStartMillis }: ScheduledRun,
  { id }: Shard,
  signal: AbortSignal,
): Promise<boolean> {
  const onProgress = (): void => undefined;
  const catchUp = { batchWork, shardId: id, stopMillis: lastStartMillis, signal, onProgress };
  return (await catchUpShard(catchUp)) === 'over';
}

async function hasEnded(sink: SinkStep, key: string, signal: AbortSignal): Promise<boolean> {
  const stored = await sink.states.load(key, signal);
  return stored !== undefined && isDone(decodeState(stored.state));
}

/** Tells whether the sink has the whole shard, and the dead-letter bucket has all of its rejections. */
function isDone({ ended, rejections }: StepState): boolean {
  return ended === true && rejections.length === 0;
}

/**
 * Writes the next slice of a shard, if there is one. When there is none but the state still contains rejections,
 * because a process died before it could remove them, writes an empty slice, which removes them.
 */
async function runSlice(run: ScheduledRun, shard: Shard, signal: AbortSignal): Promise<SliceEnd> {
  const { step } = run.sink;
  const opened = await run.input.open(shard.id, signal);
  const { state } = opened.loaded;
  if (isDone(state)) return 'ended';
  const attempt = await openSliceAttempt({ step, shard: opened, shardId: shard.id }, state.intent?.to, signal);
  if (attempt.hasPoison && (await bisectPortion(run, opened, { shard, signal, attempt }))) return 'more';
  try {
    // An attempt that waited for its turn to run exclusively may have no time left.
    return await attempt.within(async () =>
      step.now() < run.lastStartMillis ? writeSlice(run, opened, { shard, signal, attempt }) : 'more',
    );
  } catch (error) {
    await attempt.survived(error);
    throw error;
  }
}

/** An attempt at the next slice of one shard. */
interface NextSlice {
  readonly shard: Shard;
  readonly signal: AbortSignal;
  readonly attempt: SliceAttempt;
}

async function writeSlice(run: ScheduledRun, opened: ShardInput, next: NextSlice): Promise<SliceEnd> {
  const { sink, input } = run;
  const { step } = sink;
  const { signal, attempt } = next;
  const started = step.now();
  const committed = opened.loaded.state;
  const { intent } = committed;
  const { batch, end } = await readSlice(run, opened, next);
  await endDrainedInputs(step, { batch, shard: opened }, signal);
  const to: StepState = { ...batch.state(), intent: undefined, ended: end === 'ended' };
  const isNothing = to.position === committed.position && end !== 'ended' && committed.rejections.length === 0;
  // An intent is finished even when its range is empty: the run that fixed it was about to commit the end of the shard.
  if (isNothing && intent === undefined) return 'all';
  const fixed = await fixSlice(sink, { shard: opened, to }, signal);
  // A run reads on from a position that was restored, too, and nobody sees that it was.
  const isOwn = committed.position !== undefined && input.isReached(opened.key, committed.position);
  const begun = isOwn ? fixed : inDoubt(fixed);
  const options = intent?.options ?? step.config.options;
  const done = await writeBatch(sink, { batch, shard: { ...opened, loaded: begun }, to, options }, signal);
  input.committed(opened.key, done.loaded);
  input.reached(opened.key, done.loaded.state.position);
  attempt.moved(done.loaded.state.position);
  report(step, opened.key, { batch, done, started });
  return end;
}

/**
 * Looks for the poison record that killed a process: reads a portion of the size that a mapping would deliver, and
 * bisects it. False: there is nothing to read.
 */
async function bisectPortion(run: ScheduledRun, opened: ShardInput, next: NextSlice): Promise<boolean> {
  const { sink, input } = run;
  const { step } = sink;
  const { shard, signal } = next;
  const { options } = step.config;
  const { records, end } = await nextPortion(run, opened, next);
  if (records.length === 0) return false;
  const { loaded } = await processGuarded({
    step,
    shard: opened,
    shardId: shard.id,
    records,
    isAll: end !== undefined,
    signal,
    beginBy: run.lastStartMillis,
    async process(batch) {
      const started = step.now();
      await endDrainedInputs(step, { batch, shard: opened }, signal);
      const to: StepState = { ...batch.state(), intent: undefined };
      const begun = await fixSlice(sink, { shard: opened, to }, signal);
      const done = await writeBatch(sink, { batch, shard: { ...opened, loaded: begun }, to, options }, signal);
      report(step, opened.key, { batch, done, started });
      return done;
    },
  });
  input.committed(opened.key, loaded);
  return true;
}

/** Reads a portion. It is empty when records may be lost: then reading the whole slice reports the loss. */
async function nextPortion(run: ScheduledRun, opened: ShardInput, next: NextSlice): Promise<RecordBatch> {
  try {
    for await (const portion of recordBatchesOf(pagesFrom(run, opened, { ...next, trimmedIsNoLoss: false })))
      return portion;
  } catch (error) {
    if (!(error instanceof LostRange)) throw error;
  }
  return { records: [] };
}

type SliceBatch = { readonly batch: Batch; readonly end: SliceEnd };

/** Reads the events from the position on: a full slice, or exactly the range that an interrupted run has fixed. */
async function readSlice(run: ScheduledRun, opened: ShardInput, next: NextSlice): Promise<SliceBatch> {
  const { state } = opened.loaded;
  if (state.ended === true) return { batch: openBatch(state, opened.facts), end: 'ended' };
  try {
    return await readFrom(run, opened, { ...next, trimmedIsNoLoss: false });
  } catch (error) {
    if (!(error instanceof LostRange)) throw error;
    if (!(await run.readToEnd.was(opened.key, next.signal))) throw error;
    return readFrom(run, opened, { ...next, trimmedIsNoLoss: true });
  }
}

type SliceReading = NextSlice & { readonly trimmedIsNoLoss: boolean };

/** Opens the batch of a slice. A slice that was begun with other options is finished with these. */
function openSliceBatch({ takesRecords, step }: SinkStep, { loaded: { state }, facts }: ShardInput): Batch {
  const keepsRecords = takesRecords(state.intent?.options ?? step.config.options);
  return openBatch(state, { ...facts, keepsRecords });
}

async function readFrom(run: ScheduledRun, opened: ShardInput, next: SliceReading): Promise<SliceBatch> {
  const { intent } = opened.loaded.state;
  const batch = openSliceBatch(run.sink, opened);
  // The state of a sink that keeps its progress contains the slice's rejections, so its slices are portions.
  const bounds = run.sink.takesPortions ? undefined : SLICE;
  for await (const page of pagesFrom(run, opened, next)) {
    if (page.records.length > 0) await next.attempt.begin();
    for (const record of page.records) {
      batch.take(record);
      if (intent === undefined && batch.isFull(bounds)) return { batch, end: 'more' };
    }
    if (page.end === 'shard-end') return { batch, end: intent === undefined ? 'ended' : 'more' };
    if (page.end !== undefined) return { batch, end: page.end === 'to' ? 'more' : 'all' };
  }
  return { batch, end: 'all' };
}

function pagesFrom(
  run: ScheduledRun,
  opened: ShardInput,
  next: Omit<SliceReading, 'attempt'>,
): ReturnType<typeof readShard> {
  const { position, intent, rewinds = 0 } = opened.loaded.state;
  return readShard({
    kinesis: run.sink.step.kinesis,
    stream: run.input.stream,
    shardId: next.shard.id,
    after: position,
    // A step that was rewound may be before its configured start.
    start: rewinds > 0 ? 'earliest' : run.start,
    signal: next.signal,
    trimmedIsNoLoss: next.trimmedIsNoLoss,
    ...(intent === undefined ? {} : { to: intent.to }),
  });
}
