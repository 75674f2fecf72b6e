import type { ShardInput } from '../batches/shard-input.ts';
import { END_OF_SHARD, type Position } from '../position.ts';
import type { Step } from '../step.ts';
import { MOST_DEATHS } from './bisect.ts';
import { beginning, positionOfShard, type Suspected, survived, suspicionAt, whyHeld } from './isolate.ts';

/** An attempt at one slice of a shard that a scheduled step reads itself: up to where is found out while it is read. */
export interface SliceAttempt {
  /**
   * A process has died with what comes next, and nothing is fixed yet: it is to be read in small portions, and tried by
   * halves.
   */
  readonly isSuspected: boolean;
  /** The slice is read and written in this: alone in its process, when what is fixed may have killed one. */
  within<Result>(work: () => Promise<Result>): Promise<Result>;
  /** To be said when there is something to read, before it is decoded. */
  begin(): Promise<void>;
  /** It failed, and the process lives. */
  survived(error: unknown): Promise<void>;
  moved(position: Position | undefined): void;
}

const REST_MILLIS = 60 * 60_000;

/**
 * `fixedTo`: a slice was begun before and its range is fixed, because some of it may be written already. It is not
 * divided, and nothing of it is rejected: when it has killed three processes in a row this throws, and the shard is
 * held, so that the others are not killed with it. It is tried again after an hour.
 */
export async function openSliceAttempt(
  of: { readonly step: Step; readonly shard: ShardInput; readonly shardId: string },
  fixedTo: Position | undefined,
  signal: AbortSignal,
): Promise<SliceAttempt> {
  const { step, shard } = of;
  const { attempts } = step;
  const moved = (position: Position | undefined): void => {
    if (position !== undefined) attempts.moved(shard.key, { position, until: undefined });
  };
  const { shared, exclusive } = step.lock;
  if (attempts.isSteady(shard.key, positionOfShard(shard))) return { ...UNGUARDED, within: shared, moved };
  const { stored, suspicion } = await suspicionAt(step, shard, signal);
  const suspected: Suspected = {
    ...of,
    suspicion: fixedTo === undefined ? suspicion : { ...suspicion, until: fixedTo },
  };
  const { deaths, lastMillis = 0 } = suspicion;
  if (fixedTo !== undefined && deaths >= MOST_DEATHS && step.now() < lastMillis + REST_MILLIS)
    throw new Error(whyHeld(suspected));
  const begun = beginning(suspected, stored, { doing: 'working', to: fixedTo ?? END_OF_SHARD });
  let hasBegun = false;
  return {
    isSuspected: fixedTo === undefined && suspicion.until !== undefined,
    within: suspicion.until === undefined ? shared : exclusive,
    async begin() {
      if (hasBegun) return;
      hasBegun = true;
      await attempts.begin(shard.key, begun, signal);
    },
    survived: (error) => (hasBegun ? survived(suspected, begun, error) : Promise.resolve()),
    moved,
  };
}

const UNGUARDED = {
  isSuspected: false,
  begin: () => Promise.resolve(),
  survived: () => Promise.resolve(),
};
