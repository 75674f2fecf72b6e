import { type Batch, deduplicate } from '../batches/batch.ts';
import type { BatchWork, Turn } from '../batches/batch-work.ts';
import { report } from '../batches/report.ts';
import { positionOfShard, type ShardInput } from '../batches/shard-input.ts';
import { traitsOf } from '../batches/step-kind.ts';
import type { LoadedState } from '../checkpoints/shard-states.ts';
import type { StepState } from '../checkpoints/step-state.ts';
import { readShard } from '../log/log-reader.ts';
import { firstUnfinished, SLICE, WHOLE } from '../log/portion.ts';
import { isSteady, noteSteady } from '../poison/attempt.ts';
import { type GuardedWork, type Processed, processGuarded } from '../poison/isolate.ts';
import type { Position } from '../position.ts';
import type { LogRecord } from '../record-codec/record.ts';

/** One shard that a step catches up with by itself: the step reads the log and does not wait for a mapping. */
export interface CatchUp {
  readonly batchWork: BatchWork;
  readonly shardId: string;
  /** The time after which no portion is begun, in milliseconds since 1970. */
  readonly stopMillis: number;
  readonly signal: AbortSignal;
  /** Called after every portion. `arrivalMillis` is 0 when the portion was empty. */
  readonly onProgress: (portion: { readonly events: number; readonly arrivalMillis: number }) => void;
}

/**
 * Reads the shard from its position on, to its end or to the end of a range that was fixed. Set `trimmedIsNoLoss`
 * when a record that is trimmed away meanwhile is no loss.
 */
export function pagesFrom(
  { batchWork, shardId, signal }: CatchUp,
  { loaded }: ShardInput,
  { trimmedIsNoLoss, to }: { readonly trimmedIsNoLoss: boolean; readonly to?: Position | undefined },
): ReturnType<typeof readShard> {
  return readShard({
    kinesis: batchWork.step.kinesis,
    stream: batchWork.input.stream,
    shardId,
    signal,
    after: loaded.state.position,
    start: 'earliest',
    trimmedIsNoLoss,
    ...(to === undefined ? {} : { to }),
  });
}

/** Processes records as an ordinary batch. Resolves to the shard after the commit, like the functions below. */
export function processRecords(
  catchUp: CatchUp,
  shard: ShardInput,
  records: readonly LogRecord[],
): Promise<ShardInput> {
  const { batchWork, signal, onProgress } = catchUp;
  const { step } = batchWork;
  return commitAll(catchUp, shard, {
    records,
    async commit(batch, at, dataHandled) {
      const started = step.now();
      const done = await batchWork.process(batch, at, { signal, dataHandled });
      report(step, at.key, { batch, done, started });
      onProgress({ events: batch.events.length, arrivalMillis: batch.arrivalMillis });
      return done;
    },
  });
}

/** Moves the position past records and takes their marks, without processing the records. */
export function passRecords(catchUp: CatchUp, shard: ShardInput, records: readonly LogRecord[]): Promise<ShardInput> {
  const { batchWork, signal, onProgress } = catchUp;
  return commitAll(catchUp, shard, {
    records,
    async commit(batch, at) {
      const loaded = await batchWork.move(at, { ...batch.state(), rejections: [] }, signal);
      onProgress({ events: 0, arrivalMillis: batch.arrivalMillis });
      return { loaded };
    },
  });
}

/** Commits a change of the state without processing records. */
export async function commitChange(
  { batchWork, signal }: CatchUp,
  shard: ShardInput,
  change: Partial<StepState>,
): Promise<ShardInput> {
  const loaded = await batchWork.move(shard, { ...shard.loaded.state, ...change }, signal);
  return { ...shard, loaded };
}

interface Portion {
  readonly records: readonly LogRecord[];
  readonly commit: (
    batch: Batch,
    shard: ShardInput,
    dataHandled: Turn['dataHandled'],
  ) => Promise<{ readonly loaded: LoadedState }>;
}

/**
 * Commits all of the records: portion by portion, or in smaller parts where one of them may be a poison record.
 * `commit` says what is done with each part.
 */
async function commitAll(catchUp: CatchUp, from: ShardInput, { records, commit }: Portion): Promise<ShardInput> {
  if (records.length === 0) return from;
  const { batchWork, shardId, signal } = catchUp;
  const { step } = batchWork;
  const { fixesSlices } = traitsOf(batchWork);
  let shard = from;
  for (let isUnfinished = true; isUnfinished; ) {
    signal.throwIfAborted();
    const at = shard;
    const process: GuardedWork['process'] = (batch, dataHandled) => commit(batch, at, dataHandled);
    const work: GuardedWork = { step, shard, shardId, records, signal, process };
    const { loaded, unfinished } = await (fixesSlices ? processSlice(work) : processPart(work));
    shard = { ...shard, loaded };
    isUnfinished = unfinished !== undefined;
  }
  return shard;
}

/** Processes a slice for files. Its range is fixed before it is written, so a slice that was begun is not cut. */
async function processSlice({ shard, records, process }: GuardedWork): Promise<Processed> {
  const bounds = shard.loaded.state.intent === undefined ? SLICE : WHOLE;
  const { loaded } = await process(deduplicate(records, shard, bounds), nothing);
  return { loaded, unfinished: firstUnfinished(records, positionOfShard({ loaded })) };
}

/** Processes a portion of the records, or a smaller part where one of them may be a poison record. */
function processPart(work: GuardedWork): Promise<Processed> {
  const { step, shard, records, process } = work;
  if (!isSteady(step, shard)) return processGuarded(work);
  return step.lock.shared(async () => {
    const { loaded } = await process(deduplicate(records, shard), nothing);
    noteSteady(step, shard.key, loaded);
    return { loaded, unfinished: firstUnfinished(records, positionOfShard({ loaded })) };
  });
}

const nothing = (): Promise<void> => Promise.resolve();
