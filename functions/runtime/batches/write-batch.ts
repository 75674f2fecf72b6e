import { commitState, type PagedState, pagedState, storePages } from '../checkpoints/commit-state.ts';
import { encodePage, pagesWithRows } from '../checkpoints/mark-pages.ts';
import type { LoadedState, PagedStates } from '../checkpoints/shard-states.ts';
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
  readonly states: PagedStates;
  /** True when the sink commits the state together with its rows. */
  readonly keepsProgress: boolean;
  /** True when it commits the pages of the state's marks as well. */
  readonly keepsPages: boolean;
  /** Opens the sink with options: those of the deployment, or those that an interrupted slice was begun with. */
  open(options: unknown): OpenSink;
}

export function openSinkStep<O, R>(definition: SinkDefinition<O, R>, step: Step): SinkStep {
  const { config, name } = step;
  const resources = parseOrExplain(definition.resources, config.resources, `the resources of step '${name}'`);
  const openWith = (options: unknown): OpenSink =>
    definition.open({
      step: name,
      formerly: step.formerName,
      options: parseOrExplain(definition.options, options, `the options of step '${name}'`),
      resources,
    });
  const current = openWith(config.options);
  const { loadProgress, loadPages } = current;
  const inTable = step.states.loadPages;
  return {
    step,
    keepsProgress: loadProgress !== undefined,
    keepsPages: loadProgress !== undefined && loadPages !== undefined,
    states:
      loadProgress === undefined
        ? step.states
        : {
            load: (shard, signal) => loadProgress.call(current, shard, signal),
            loadPages:
              loadPages === undefined
                ? inTable
                : pagesWithRows((shard, signal) => loadPages.call(current, shard, signal), inTable),
          },
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
 * A sink that keeps its own progress: `write` commits the rows, the state, its pages and the rejections in one
 * transaction. After that, the dead letters are stored. A crash between the two loses nothing, because the state still
 * has the rejections, and the next batch begins by storing them. A further commit then removes the rejections from the
 * state: otherwise a later process would store them again, and bring back what an operator has redriven or discarded in
 * the meantime.
 *
 * Any other sink: `write` comes first, then the dead letters, and the checkpoint moves last. A crash at any point
 * repeats the batch, which writes the same objects and letters under the same names.
 */
export async function writeBatch(sink: SinkStep, toWrite: BatchToWrite, signal: AbortSignal): Promise<Done> {
  const { step, keepsProgress } = sink;
  const { batch, shard, options } = toWrite;
  await step.deadLetters.put(shard.key, shard.loaded.state.rejections, signal);
  const { to, pages } = await pagesBefore(sink, toWrite, signal);
  const rejectedBySink = await sink.open(options).write(sliceOf(sink, { ...toWrite, to, pages }, signal));
  const rejections = [...batch.rejections, ...rejectedBySink];
  await step.deadLetters.put(shard.key, rejections, signal);
  const counts = {
    eventsOut: batch.events.length - rejectedBySink.length,
    bytesOut: batch.counts.dataBytes,
    rejected: rejections.length,
  };
  if (!keepsProgress)
    return { loaded: await commitState(step, shard.key, { from: shard.loaded, to, signal }), ...counts };
  const committed = committedBySink(shard.loaded, to);
  if (rejections.length === 0) return { loaded: committed, ...counts };
  const withRejections = { key: shard.key, loaded: committed };
  const loaded = await commitEmpty(sink, { shard: withRejections, to: committed.state, options }, signal);
  return { loaded, ...counts };
}

/**
 * Makes the pages of a state that the sink commits. A sink that keeps its progress but no pages gets a state whose
 * pages are in the checkpoint table by then.
 */
async function pagesBefore(
  { step, keepsProgress, keepsPages }: SinkStep,
  { shard: { key, loaded }, to }: Pick<BatchToWrite, 'shard' | 'to'>,
  signal: AbortSignal,
): Promise<{ readonly to: StepState; readonly pages: PagedState['pages'] }> {
  if (!keepsProgress) return { to, pages: [] };
  const { state, pages } = pagedState(to, loaded.revision, step.markLimits);
  if (keepsPages) return { to: state, pages };
  await storePages(step.markPages, key, { from: loaded, pages, signal });
  return { to: state, pages: [] };
}

/** Commits a state without rejections, and no rows, to a sink that keeps its own progress. */
async function commitEmpty(
  sink: SinkStep,
  toCommit: Omit<BatchToWrite, 'batch'>,
  signal: AbortSignal,
): Promise<LoadedState> {
  const { shard, options } = toCommit;
  const { to, pages } = await pagesBefore(sink, toCommit, signal);
  await sink.open(options).write(sliceOf(sink, { batch: { events: [], rejections: [] }, shard, to, pages }, signal));
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
  return commitState(sink.step, key, { from: loaded, to: { ...loaded.state, intent }, signal });
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
  return keepsProgress
    ? commitEmpty(sink, { shard, to, options: step.config.options }, signal)
    : commitState(step, key, { from: loaded, to, signal });
}

function sliceOf(
  sink: SinkStep,
  slice: Pick<BatchToWrite, 'shard' | 'to'> &
    Pick<PagedState, 'pages'> & { readonly batch: Pick<Batch, 'events' | 'rejections'> },
  signal: AbortSignal,
): Slice {
  const { batch, shard, to } = slice;
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
      pages: new Map(slice.pages.map((page) => [page.page, encodePage(page)])),
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
