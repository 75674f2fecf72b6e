import type { Checkpoints } from './checkpoints.ts';
import { changedForeignPages, foreignPageNames } from './foreign-pages.ts';
import type { MarkPage, MarkPages } from './mark-pages.ts';
import { MARK_LIMITS, type MarkLimits, spilled } from './runs.ts';
import { type LoadedState, saveState } from './shard-states.ts';
import type { StepState } from './step-state.ts';

/** A state that names its pages, and those of them that have to be stored before it or together with it. */
export interface PagedState {
  readonly state: StepState;
  readonly pages: readonly MarkPage[];
}

/** Moves marks of a state into pages. `revision` is that of the state that this one replaces. */
export function pagedState(to: StepState, revision: number, limits: MarkLimits = MARK_LIMITS): PagedState {
  const own = spilled(to, { recordMillis: to.arrivedMillis ?? 0, revision, limits });
  const state = own === undefined ? to : { ...to, marks: own.marks, runs: own.runs };
  const ownPages = own?.pages ?? [];
  if (to.foreign === undefined) return { state, pages: ownPages };
  const { foreign, pages } = changedForeignPages(to.foreign, revision);
  return { state: { ...state, foreign }, pages: [...ownPages, ...pages] };
}

/** Stores pages in the checkpoint table, before the state that names them is committed. */
export async function storePages(
  markPages: MarkPages,
  key: string,
  of: { readonly from: LoadedState; readonly pages: readonly MarkPage[]; readonly signal: AbortSignal },
): Promise<void> {
  const { from, pages, signal } = of;
  if (pages.length === 0) return;
  const { foreign, runs = [] } = from.state;
  // A scheduled sink fixes its slice in between: that commit may have made runs that the slice's own state, which was
  // made before, does not know. Its new runs then have the same names.
  const committed = [...runs, ...(foreign === undefined ? [] : foreignPageNames(foreign))];
  await markPages.store(key, pages, { of: from.revision, committed, signal });
}

/**
 * Moves a state in the checkpoint table, after its pages. Throws `StaleCheckpoint` when another invocation has moved
 * the state.
 */
export async function commitState(
  step: {
    readonly checkpoints: Checkpoints;
    readonly markPages: MarkPages;
    readonly markLimits?: MarkLimits | undefined;
    readonly now: () => number;
  },
  key: string,
  move: { readonly from: LoadedState; readonly to: StepState; readonly signal: AbortSignal },
): Promise<LoadedState> {
  const { from, signal } = move;
  const { state: to, pages } = pagedState(move.to, from.revision, step.markLimits);
  await storePages(step.markPages, key, { from, pages, signal });
  return saveState(step.checkpoints, key, { from, to, nowMillis: step.now(), signal });
}
