import { commitState, type PagedState, pagedState, storePages } from '../checkpoints/commit-state.ts';
import { encodePage } from '../checkpoints/mark-pages.ts';
import type { LoadedState } from '../checkpoints/shard-states.ts';
import { encodeState, type StepState } from '../checkpoints/step-state.ts';
import type { Prepared } from '../outbox/outbox.ts';
import { START_OF_SHARD } from '../position.ts';
import type { Rejection } from '../rejection.ts';
import type { Correction, OpenSink, Progress, Published, Slice, SliceRecords, SliceTime } from '../sink.ts';
import type { Step } from '../step.ts';
import { type NumberedBatch, numberBatch } from '../versions/number-batch.ts';
import { type Batch, openBatch } from './batch.ts';
import type { Done } from './batch-work.ts';
import type { ShardInput } from './shard-input.ts';
import type { SinkStep } from './sink-step.ts';

/** A batch to write, and the state to commit with it or after it. */
export interface BatchToWrite {
  readonly batch: Batch;
  readonly shard: Pick<ShardInput, 'key' | 'loaded' | 'parentsOf' | 'facts'>;
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
 * A sink that publishes: its events are committed with the state too, and appended after that. A crash between the two
 * leaves them in the database, and whoever loads the state appends them first (outbox/outbox.ts). The sink may take a
 * part of the batch only; the rest is another batch.
 *
 * Any other sink: `write` comes first, then the dead letters, and the checkpoint moves last. A crash at any point
 * repeats the batch, which writes the same objects and letters under the same names.
 */
export async function writeBatch(sink: SinkStep, toWrite: BatchToWrite, signal: AbortSignal): Promise<Done> {
  const { step, keepsProgress, outbox } = sink;
  const { shard, options } = toWrite;
  await step.deadLetters.put(shard.key, shard.loaded.state.rejections, signal);
  if (outbox !== undefined && isPassed(toWrite)) return nothing(shard.loaded);
  const opened = sink.open(options);
  const numbered = await numberedBy(opened, { step, toWrite, signal });
  const { to: after, pages } = await pagesBefore(sink, toWrite, signal);
  const to = numbered === undefined ? after : { ...after, numbering: numbered.numbering };
  const writing = writingOf(sink, { ...toWrite, to, pages, numbered }, signal);
  const rejectedBySink = await opened.write(writing.slice);
  const { batch, state, prepared, dueMillis, isMoreDue } = writing.written();
  if (prepared !== undefined) {
    sink.portion?.note({ events: batch.events.length, pageBytes: prepared.size });
    await outbox?.append(shard, prepared, signal);
  }
  const all = [...batch.rejections, ...rejectedBySink];
  const rejections = numbered === undefined ? all : numbered.withVersions(all);
  await step.deadLetters.put(shard.key, rejections, signal);
  const counts = {
    ...(prepared === undefined
      ? { eventsOut: batch.events.length - rejectedBySink.length, bytesOut: batch.counts.dataBytes }
      : appendedOf(prepared)),
    rejected: rejections.length,
    part: batch,
    dueMillis,
  };
  if (!keepsProgress)
    return {
      loaded: await commitState(step, shard.key, { from: numbered?.loaded ?? shard.loaded, to, signal }),
      ...counts,
    };
  const committed = { ...shard, loaded: committedBySink(shard.loaded, state) };
  if (isMoreDue === true) return { ...counts, ...(await writeDue(sink, committed, { counts, signal })) };
  if (rejections.length === 0) return { loaded: committed.loaded, ...counts };
  const loaded = await commitEmpty(sink, { shard: committed, to: committed.loaded.state, options }, signal);
  return { loaded, ...counts };
}

/**
 * Commits slices without events, as long as something is due: nothing else comes that would do so soon. The first one
 * also removes the rejections of the slice before. What a process leaves that dies meanwhile is done with the next
 * slice that has a time.
 */
async function writeDue(
  sink: SinkStep,
  from: BatchToWrite['shard'],
  { counts, signal }: { readonly counts: Pick<Done, 'eventsOut' | 'bytesOut'>; readonly signal: AbortSignal },
): Promise<Pick<Done, 'loaded' | 'eventsOut' | 'bytesOut'>> {
  let { loaded } = from;
  let { eventsOut, bytesOut } = counts;
  for (let isMoreDue = true; isMoreDue; ) {
    const shard = { ...from, loaded };
    const { to, pages } = await pagesBefore(sink, { shard, to: loaded.state }, signal);
    const writing = writingOf(sink, { batch: openBatch(loaded.state, shard.facts), shard, to, pages }, signal);
    await sink.open(sink.step.config.options).write(writing.slice);
    const { state, prepared, isMoreDue: rest = false } = writing.written();
    if (prepared !== undefined) {
      await sink.outbox?.append(shard, prepared, signal);
      const appended = appendedOf(prepared);
      [eventsOut, bytesOut] = [eventsOut + appended.eventsOut, bytesOut + appended.bytesOut];
    }
    loaded = committedBySink(loaded, state);
    isMoreDue = rest;
  }
  return { loaded, eventsOut, bytesOut };
}

/** Gives the events of a batch their versions, for a sink that writes by them. */
async function numberedBy(
  opened: OpenSink,
  {
    step,
    toWrite: { batch, shard },
    signal,
  }: { readonly step: Step; readonly toWrite: BatchToWrite; readonly signal: AbortSignal },
): Promise<NumberedBatch | undefined> {
  const { generations } = opened;
  if (generations === undefined) return undefined;
  const { key, loaded } = shard;
  return numberBatch(step, { key, loaded, ordinals: batch.ordinals }, { generations, signal });
}

/** Counts what a step that publishes has appended of a batch. Ticks are no events. */
function appendedOf({ page }: Prepared): Pick<Done, 'eventsOut' | 'bytesOut'> {
  const events = page.filter(({ everywhere }) => everywhere !== true);
  const bytesOut = events.reduce((sum, { dataBytes }) => sum + dataBytes.length, 0);
  return { eventsOut: events.length, bytesOut };
}

/**
 * Writes one batch into data that a sink makes again. Nothing is published, and no dead letter is stored: the sink
 * keeps the rejections.
 */
export async function fillBatch(sink: SinkStep, toWrite: BatchToWrite, signal: AbortSignal): Promise<Done> {
  const { shard, options } = toWrite;
  const { to, pages } = await pagesBefore(sink, toWrite, signal);
  const of = { ...toWrite, to, pages, keepsLetters: true };
  const writing = writingOf({ ...sink, outbox: undefined }, of, signal);
  const rejected = await sink.open(options).write(writing.slice);
  const { batch, state } = writing.written();
  return {
    loaded: committedBySink(shard.loaded, state),
    eventsOut: batch.events.length - rejected.length,
    bytesOut: batch.counts.dataBytes,
    rejected: batch.rejections.length + rejected.length,
    part: batch,
  };
}

/** Publishes a correction of what readers know, without processing events. */
export async function writeCorrection(
  sink: SinkStep,
  shard: ShardInput,
  { write, signal }: Pick<Correction, 'write'> & { readonly signal: AbortSignal },
): Promise<void> {
  const { step, outbox } = sink;
  const { rejections } = shard.loaded.state;
  await step.deadLetters.put(shard.key, rejections, signal);
  const { to, pages } = await pagesBefore(sink, { shard, to: shard.loaded.state }, signal);
  const writing = writingOf(sink, { batch: openBatch(shard.loaded.state, NO_FACTS), shard, to, pages }, signal);
  await write(writing.slice);
  const { prepared } = writing.written();
  if (prepared !== undefined) await outbox?.append(shard, prepared, signal);
}

/**
 * Tells whether nothing of a batch is left to process, of a step that publishes. Throws when something is left and the
 * shard is closed: a shard after it has begun, with the marks that this one had by then.
 */
function isPassed({ batch, shard: { key, loaded }, to }: BatchToWrite): boolean {
  const { position, ended = false, rejections } = loaded.state;
  const isNothingNew = to.position === position && batch.rejections.length === 0;
  // Rejections that are stored leave the state with a commit, which a closed shard does not take.
  if (isNothingNew && (ended || rejections.length === 0)) return true;
  if (ended)
    throw new Error(`${key} is closed, because a shard after it has begun: nothing of it is processed any more`);
  return false;
}

function nothing(loaded: LoadedState): Done {
  return { loaded, eventsOut: 0, bytesOut: 0, rejected: 0 };
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

/** For a batch without records. */
const NO_FACTS = { stream: '', from: 0n, to: 0n, own: [] };

/** Commits a state without rejections, and no rows, to a sink that keeps its own progress. */
async function commitEmpty(
  sink: SinkStep,
  toCommit: Omit<BatchToWrite, 'batch'>,
  signal: AbortSignal,
): Promise<LoadedState> {
  const { shard, options } = toCommit;
  const { to, pages } = await pagesBefore(sink, toCommit, signal);
  const writing = writingOf(sink, { batch: openBatch(shard.loaded.state, NO_FACTS), shard, to, pages }, signal);
  await sink.open(options).write(writing.slice);
  return committedBySink(shard.loaded, writing.written().state);
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

/** A slice that a sink writes, and what the sink has made of it. */
interface Writing {
  readonly slice: Slice;
  /** Returns what was committed, once the sink has written the slice. */
  written(): {
    readonly batch: Batch;
    readonly state: StepState;
    readonly prepared: Prepared | undefined;
    readonly dueMillis?: number | undefined;
    readonly isMoreDue?: boolean | undefined;
  };
}

function writingOf(
  sink: SinkStep,
  toWrite: Omit<BatchToWrite, 'options'> &
    Pick<PagedState, 'pages'> & { readonly keepsLetters?: boolean; readonly numbered?: NumberedBatch | undefined },
  signal: AbortSignal,
): Writing {
  const { shard, to, keepsLetters = false } = toWrite;
  const { key, loaded } = shard;
  const { revision: previous } = loaded;
  const revision = previous + 1;
  let written: ReturnType<Writing['written']> = { batch: toWrite.batch, state: to, prepared: undefined };
  const progress = (rejections: readonly Rejection[], published: Published = { events: [] }): Progress => {
    const { batch, state: taken, pages } = partOf(sink, toWrite, published);
    const state = { ...taken, movedMillis: sink.step.now() };
    const prepared = sink.outbox?.prepare(shard, published.events, revision);
    const { dueMillis, isMoreDue } = published;
    written = { batch, state, prepared, dueMillis, isMoreDue };
    const all = [...batch.rejections, ...rejections];
    return {
      step: sink.step.name,
      shard: key,
      previous,
      revision,
      state: encodeState({ ...state, rejections: keepsLetters ? [] : all }),
      pages: new Map(pages.map((page) => [page.page, encodePage(page)])),
      outbox: prepared?.progress,
      ...(keepsLetters ? { letters: all } : {}),
    };
  };
  return {
    slice: {
      shard: key,
      from: loaded.state.position,
      to: to.position ?? START_OF_SHARD,
      pages: pagesOf(toWrite.batch.events),
      records: recordsOf(toWrite),
      time: timeOf(toWrite),
      versionOf: (event) => toWrite.numbered?.versionOf(event),
      signal,
      progress,
    },
    written: () => written,
  };
}

/** Returns the records of a batch that keeps them, and the shard that they are of. */
function recordsOf({
  batch: { records },
  shard: { key, parentsOf, facts },
}: Pick<BatchToWrite, 'batch' | 'shard'>): SliceRecords | undefined {
  if (records === undefined) return undefined;
  const { from, to } = facts;
  return { shard: { id: idOf(key), from, to, parents: parentsOf(key).map(idOf) }, all: records };
}

const idOf = (key: string): string => key.slice(key.lastIndexOf('/') + 1);

/** Returns the part of a batch that the sink has taken, and the state after it. */
function partOf(
  { step }: SinkStep,
  { batch, shard, to, pages }: Omit<BatchToWrite, 'options'> & Pick<PagedState, 'pages'>,
  { upTo }: Published,
): Pick<BatchToWrite, 'batch'> & PagedState {
  if (upTo === undefined) return { batch, state: to, pages };
  const part = batch.upTo(upTo);
  return { batch: part, ...pagedState(part.state(), shard.loaded.revision, step.markLimits) };
}

/** Returns what a sink needs to know about the time in a batch. Undefined: it needs nothing. */
function timeOf({ batch, shard }: Pick<BatchToWrite, 'batch' | 'shard'>): SliceTime | undefined {
  const { time, events } = batch;
  if (time === undefined) return undefined;
  const { momentOf, clock, eventsBeforeTick, passedOn } = time;
  const before = events.at(-1)?.position ?? shard.loaded.state.position ?? START_OF_SHARD;
  const beforeTick = eventsBeforeTick === events.length ? before : undefined;
  return { momentOf, clock, beforeTick, passes: passedOn.at(-1)?.millis };
}

const PAGE_EVENTS = 5_000;

async function* pagesOf<T>(events: readonly T[]): AsyncIterable<readonly T[]> {
  for (let start = 0; start < events.length; start += PAGE_EVENTS) yield events.slice(start, start + PAGE_EVENTS);
}

/** Returns the state that the sink has committed, without the rejections, which are in the bucket by now. */
function committedBySink(from: LoadedState, to: StepState): LoadedState {
  return { revision: from.revision + 1, state: { ...to, rejections: [] } };
}
