import { type LoadedState, type StateStore, saveState } from '../checkpoints/shard-states.ts';
import { encodeState, type StepState } from '../checkpoints/step-state.ts';
import { START_OF_SHARD } from '../position.ts';
import type { OpenSink, Progress, SinkDefinition, Slice } from '../sink.ts';
import type { Step } from '../step.ts';
import { parseOrExplain } from '../step-config.ts';
import type { Batch } from './batch.ts';
import type { Done } from './batch-work.ts';
import type { ShardInput } from './shard-input.ts';

/** A sink in one process. */
export interface SinkStep {
  readonly step: Step;
  /** The store of its states: the sink's own database when it keeps its progress, otherwise the checkpoint table. */
  readonly states: StateStore;
  /** True when the sink commits the state together with its rows. */
  readonly keepsProgress: boolean;
  /** Opens the sink with options: those of the deployment, or those that an interrupted slice was begun with. */
  open(options: unknown): OpenSink;
}

export function openSinkStep<O, R>(definition: SinkDefinition<O, R>, step: Step): SinkStep {
  const { config, checkpoints, name } = step;
  const resources = parseOrExplain(definition.resources, config.resources, `the resources of step '${name}'`);
  const openWith = (options: unknown): OpenSink =>
    definition.open({
      step: name,
      formerly: step.formerName,
      options: parseOrExplain(definition.options, options, `the options of step '${name}'`),
      resources,
    });
  const current = openWith(config.options);
  const { loadProgress } = current;
  return {
    step,
    keepsProgress: loadProgress !== undefined,
    states:
      loadProgress === undefined ? checkpoints : { load: (shard, signal) => loadProgress.call(current, shard, signal) },
    open: (options) => (options === config.options ? current : openWith(options)),
  };
}

/** A batch to write, and the state to commit with it or after it. */
export interface BatchToWrite {
  readonly batch: Batch;
  readonly shard: Pick<ShardInput, 'key' | 'loaded'>;
  readonly to: StepState;
  readonly options: unknown;
}

/**
 * Writes one batch to the sink, exactly once, and moves the state. The order depends on who keeps the state.
 *
 * A sink that keeps its own progress: `write` commits the rows, the state and the rejections in one transaction. After
 * that, the dead letters are stored. A crash between the two loses nothing, because the state still has the rejections,
 * and the next batch begins by storing them. A further commit then removes the rejections from the state: otherwise a
 * later process would store them again, and bring back what an operator has redriven or discarded in the meantime.
 *
 * Any other sink: `write` comes first, then the dead letters, and the checkpoint moves last. A crash at any point
 * repeats the batch, which writes the same objects and letters under the same names.
 */
export async function writeBatch(sink: SinkStep, toWrite: BatchToWrite, signal: AbortSignal): Promise<Done> {
  const { step, keepsProgress } = sink;
  const { batch, shard, options } = toWrite;
  await step.deadLetters.put(shard.key, shard.loaded.state.rejections, signal);
  const to = await step.markPages.store(shard.key, { from: shard.loaded, to: toWrite.to }, signal);
  const rejectedBySink = await sink.open(options).write(sliceOf(sink, { ...toWrite, to }, signal));
  const rejections = [...batch.rejections, ...rejectedBySink];
  await step.deadLetters.put(shard.key, rejections, signal);
  const counts = {
    eventsOut: batch.events.length - rejectedBySink.length,
    bytesOut: batch.counts.dataBytes,
    rejected: rejections.length,
  };
  if (!keepsProgress) {
    const { checkpoints, now } = step;
    const loaded = await saveState(checkpoints, shard.key, { from: shard.loaded, to, nowMillis: now(), signal });
    return { loaded, ...counts };
  }
  const committed = committedBySink(shard.loaded, to);
  if (rejections.length === 0) return { loaded: committed, ...counts };
  const withRejections = { key: shard.key, loaded: committed };
  const loaded = await commitEmpty(sink, { shard: withRejections, to: committed.state, options }, signal);
  return { loaded, ...counts };
}

/** Commits a state without rejections, and no rows, to a sink that keeps its own progress. */
async function commitEmpty(
  sink: SinkStep,
  { shard, to, options }: Omit<BatchToWrite, 'batch'>,
  signal: AbortSignal,
): Promise<LoadedState> {
  await sink.open(options).write(sliceOf(sink, { batch: { events: [], rejections: [] }, shard, to }, signal));
  return committedBySink(shard.loaded, to);
}

/**
 * Fixes in the checkpoint the range and the options of the slice that is about to be written, before its first byte is
 * written. A retry then writes the same objects, whatever was deployed in the meantime. Does nothing for a sink that
 * keeps its own progress, because its rows and its state commit together.
 */
export async function fixSlice(
  sink: SinkStep,
  slice: { readonly shard: ShardInput; readonly to: StepState },
  signal: AbortSignal,
): Promise<LoadedState> {
  const { key, loaded } = slice.shard;
  const { position } = slice.to;
  if (sink.keepsProgress || loaded.state.intent !== undefined || position === undefined) return loaded;
  const intent = { to: position, options: sink.step.config.options };
  const { checkpoints, now } = sink.step;
  return saveState(checkpoints, key, { from: loaded, to: { ...loaded.state, intent }, nowMillis: now(), signal });
}

/** Moves a state without processing events. A sink that keeps its own progress commits an empty slice. */
export async function moveSinkState(
  sink: SinkStep,
  shard: ShardInput,
  { to, signal }: { readonly to: StepState; readonly signal: AbortSignal },
): Promise<LoadedState> {
  const { step, keepsProgress } = sink;
  const { key, loaded } = shard;
  if (keepsProgress) await step.deadLetters.put(key, loaded.state.rejections, signal);
  const moved = await step.markPages.store(key, { from: loaded, to }, signal);
  return keepsProgress
    ? commitEmpty(sink, { shard, to: moved, options: step.config.options }, signal)
    : saveState(step.checkpoints, key, { from: loaded, to: moved, nowMillis: step.now(), signal });
}

function sliceOf(
  sink: SinkStep,
  { batch, shard, to }: Pick<BatchToWrite, 'shard' | 'to'> & { readonly batch: Pick<Batch, 'events' | 'rejections'> },
  signal: AbortSignal,
): Slice {
  const { events } = batch;
  const previous = shard.loaded.revision;
  return {
    shard: shard.key,
    from: shard.loaded.state.position,
    to: to.position ?? START_OF_SHARD,
    pages: pagesOf(events),
    signal,
    progress: (rejections): Progress => ({
      step: sink.step.name,
      shard: shard.key,
      previous,
      revision: previous + 1,
      state: encodeState({
        ...to,
        rejections: [...batch.rejections, ...rejections],
        movedMillis: sink.step.now(),
      }),
    }),
  };
}

const PAGE_EVENTS = 5_000;

async function* pagesOf<T>(events: readonly T[]): AsyncIterable<readonly T[]> {
  for (let start = 0; start < events.length; start += PAGE_EVENTS) yield events.slice(start, start + PAGE_EVENTS);
}

/** Returns the state that the sink has committed, without the rejections, which are in the bucket by now. */
function committedBySink(from: LoadedState, to: StepState): LoadedState {
  return { revision: from.revision + 1, state: { ...to, rejections: [] } };
}
