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
  /** Where its states are: in its own database, for a sink that commits them with its rows. */
  readonly states: StateStore;
  readonly keepsProgress: boolean;
  /** The sink with these options: those of the deployment, or those that an interrupted slice was begun with. */
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

/** A batch to write, and the state that stands once it is written. */
export interface Writing {
  readonly batch: Batch;
  readonly shard: Pick<ShardInput, 'key' | 'loaded'>;
  readonly to: StepState;
  readonly options: unknown;
}

/**
 * Writes one batch and moves the state. A sink that keeps its own progress commits rows, state and rejections at once,
 * and the dead letters are stored after that: until they are, the state holds them, and then they leave it at once, for
 * whoever finds them there stores them again, and what an operator has redriven or discarded meanwhile would be back.
 * Any other sink writes under names that follow from the range, so the state may move after.
 */
export async function writeBatch(sink: SinkStep, writing: Writing, signal: AbortSignal): Promise<Done> {
  const { step, keepsProgress } = sink;
  const { batch, shard, options } = writing;
  await step.deadLetters.put(shard.key, shard.loaded.state.rejections, signal);
  const to = await step.markPages.store(shard.key, { from: shard.loaded, to: writing.to }, signal);
  const refused = await sink.open(options).write(sliceOf(sink, { ...writing, to }, signal));
  const rejections = [...batch.rejections, ...refused];
  await step.deadLetters.put(shard.key, rejections, signal);
  const loaded = keepsProgress
    ? committedBySink(shard.loaded, to)
    : await saveState(step.checkpoints, shard.key, { from: shard.loaded, to, nowMillis: step.now(), signal });
  return {
    loaded:
      keepsProgress && rejections.length > 0
        ? await commitEmpty(sink, { shard: { key: shard.key, loaded }, to: loaded.state, options }, signal)
        : loaded,
    eventsOut: batch.events.length - refused.length,
    bytesOut: batch.counts.dataBytes,
    rejected: rejections.length,
  };
}

/**
 * Commits an empty slice to a sink that keeps its own progress: a state without rejections, all of which are in the
 * bucket.
 */
async function commitEmpty(
  sink: SinkStep,
  { shard, to, options }: Omit<Writing, 'batch'>,
  signal: AbortSignal,
): Promise<LoadedState> {
  await sink.open(options).write(sliceOf(sink, { batch: { events: [], rejections: [] }, shard, to }, signal));
  return committedBySink(shard.loaded, to);
}

/**
 * Fixes what is about to be written, and with which options, before the first byte of it: whatever is deployed
 * meanwhile, a rerun writes the same. A sink that keeps its own progress needs no such promise: its rows and its state
 * move at once.
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

/** Moves a state without any event: a sink that keeps its own progress commits an empty slice. */
export async function moveState(
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
  { batch, shard, to }: Pick<Writing, 'shard' | 'to'> & { readonly batch: Pick<Batch, 'events' | 'rejections'> },
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

/** What the sink has committed. The rejections in it are in the bucket by now. */
function committedBySink(from: LoadedState, to: StepState): LoadedState {
  return { revision: from.revision + 1, state: { ...to, rejections: [] } };
}
