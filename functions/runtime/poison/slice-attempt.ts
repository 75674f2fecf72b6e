import type { ShardInput } from '../batches/shard-input.ts';
import { END_OF_SHARD, type Position } from '../position.ts';
import type { Step } from '../step.ts';
import { attemptAt, isSteady, loadSearch, noteSurvived, type ShardSearch, whyHeld } from './attempt.ts';
import { isSuspect, MOST_DEATHS } from './bisect.ts';

/** An attempt at one slice that a scheduled step reads itself. The slice's end is not known before it is read. */
export interface SliceAttempt {
  /**
   * True when what comes next may kill the process and the slice's range is not fixed. Then read small portions, and
   * process them with `processGuarded`, which bisects them.
   */
  readonly hasPoison: boolean;
  /** Runs the reading and writing of the slice; exclusively in this process, when a process may have died of it. */
  within<Result>(work: () => Promise<Result>): Promise<Result>;
  /** Stores the attempt. Call this once there is something to read, before the first record is decoded. */
  begin(): Promise<void>;
  /** Stores that the attempt failed with an error and the process survived. */
  survived(error: unknown): Promise<void>;
  /** Remembers the committed position. */
  moved(position: Position | undefined): void;
}

const REST_MILLIS = 60 * 60_000;

/**
 * Opens an attempt at the next slice of a shard.
 *
 * `fixedTo`: the end of a slice that was begun before. Some of that slice may be written already, so its range is
 * fixed: it is not bisected, and nothing in it is rejected. Throws when that slice has killed three processes in a row,
 * so that the step's other shards are not killed with it. After an hour the slice is attempted again.
 */
export async function openSliceAttempt(
  at: { readonly step: Step; readonly shard: ShardInput; readonly shardId: string },
  fixedTo: Position | undefined,
  signal: AbortSignal,
): Promise<SliceAttempt> {
  const { step, shard } = at;
  const { attempts } = step;
  const moved = (position: Position | undefined): void => {
    if (position !== undefined) attempts.moved(shard.key, { position, until: undefined });
  };
  const { shared, exclusive } = step.lock;
  if (isSteady(step, shard)) return { ...STEADY, within: shared, moved };
  const { stored, search } = await loadSearch(step, shard, signal);
  const shardSearch: ShardSearch = {
    ...at,
    search: fixedTo === undefined ? search : { ...search, until: fixedTo },
  };
  const { deaths, lastMillis = 0 } = search;
  if (fixedTo !== undefined && deaths >= MOST_DEATHS && step.now() < lastMillis + REST_MILLIS)
    throw new Error(whyHeld(shardSearch));
  const begun = attemptAt(shardSearch, stored, { doing: 'working', to: fixedTo ?? END_OF_SHARD });
  let hasBegun = false;
  return {
    hasPoison: fixedTo === undefined && isSuspect(search),
    within: isSuspect(search) ? exclusive : shared,
    async begin() {
      if (hasBegun) return;
      hasBegun = true;
      await attempts.begin(shard.key, begun, signal);
    },
    survived: (error) => (hasBegun ? noteSurvived(shardSearch, begun, error) : Promise.resolve()),
    moved,
  };
}

/** An attempt that does not have to be stored. */
const STEADY = {
  hasPoison: false,
  begin: () => Promise.resolve(),
  survived: () => Promise.resolve(),
};
