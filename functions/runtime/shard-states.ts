import type { Checkpoints } from './checkpoints.ts';
import { type MarkRange, marksWithin, noMarks } from './marks.ts';
import type { Shard, StreamShape } from './shards.ts';
import { decodeState, encodeState, type StepState } from './step-state.ts';

/** Where a step's states are kept: the checkpoint table, or a sink's own database. */
export interface StateStore {
  load(shard: string, signal: AbortSignal): Promise<{ readonly revision: number; readonly state: string } | undefined>;
}

/** A state with the revision that the next one must replace; 0: nothing is stored yet. */
export interface LoadedState {
  readonly revision: number;
  readonly state: StepState;
}

/** What names a shard in checkpoints: a stream that was deleted and made again has other shards under the same ids. */
export function shardKey(shape: Pick<StreamShape, 'incarnation'>, shardId: string): string {
  return `${shape.incarnation}/${shardId}`;
}

/**
 * The state of a shard; for one that has none yet, its parents' marks for its hash range. Parents are drained before a child is read,
 * so what they have is complete. A parent that never had a state, because it was empty, passes on its own parents'.
 */
export async function loadState(
  store: StateStore,
  shape: StreamShape,
  request: { shard: Shard; signal: AbortSignal },
): Promise<LoadedState> {
  const { shard, signal } = request;
  const stored = await store.load(shardKey(shape, shard.id), signal);
  if (stored !== undefined) return { revision: stored.revision, state: decodeState(stored.state) };
  const marks = withoutGaps(await inheritedMarks(store, shape, { shard, signal }), shard);
  return { revision: 0, state: { position: undefined, marks, rejections: [] } };
}

/** Moves a state in the checkpoint table. Throws `StaleCheckpoint` when another invocation has moved it. */
export async function saveState(
  checkpoints: Checkpoints,
  key: string,
  move: {
    readonly from: LoadedState;
    readonly to: StepState;
    readonly nowMillis: number;
    readonly signal: AbortSignal;
  },
): Promise<LoadedState> {
  const revision = move.from.revision + 1;
  await checkpoints.save({
    key,
    previous: move.from.revision,
    revision,
    state: encodeState({ ...move.to, movedMillis: move.nowMillis }),
    signal: move.signal,
  });
  return { revision, state: move.to };
}

async function inheritedMarks(
  store: StateStore,
  shape: StreamShape,
  request: { shard: Shard; signal: AbortSignal },
): Promise<readonly MarkRange[]> {
  const { shard, signal } = request;
  const found: MarkRange[] = [];
  for (const parentId of shard.parents) {
    const parent = await store.load(shardKey(shape, parentId), signal);
    const known = shape.shards.find(({ id }) => id === parentId);
    if (parent !== undefined) found.push(...marksWithin(decodeState(parent.state).marks, shard.from, shard.to));
    else if (known !== undefined) {
      // Without marks too it is a range of its own: one mark for both parents of a merge would pass over what the other has not got yet.
      const passedOn = withoutGaps(await inheritedMarks(store, shape, { shard: known, signal }), known);
      found.push(...marksWithin(passedOn, shard.from, shard.to));
    }
  }
  return found;
}

/** A part of the range whose parent is no longer known has no marks: an empty range stands for it. */
function withoutGaps(ranges: readonly MarkRange[], shard: Shard): readonly MarkRange[] {
  const sorted = [...ranges].sort((a, b) => (a.from < b.from ? -1 : 1));
  const whole: MarkRange[] = [];
  let next = shard.from;
  for (const range of sorted) {
    if (range.from > next) whole.push(...noMarks(next, range.from - 1n));
    whole.push(range);
    next = range.to + 1n;
  }
  if (next <= shard.to) whole.push(...noMarks(next, shard.to));
  return whole;
}
