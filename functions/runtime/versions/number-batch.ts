import { commitState } from '../checkpoints/commit-state.ts';
import type { LoadedState } from '../checkpoints/shard-states.ts';
import type { Numbering } from '../checkpoints/step-state.ts';
import type { ReceivedEvent } from '../event.ts';
import type { Rejection } from '../rejection.ts';
import type { Generations } from '../sink.ts';
import type { Step } from '../step.ts';
import { LEAP, leastOrdinal, versionOf, versionOfRedriven } from './version.ts';

/** How a batch counts what the records of its shard hold. */
export interface Ordinals {
  /** How many events and rejections the batch has come by, those included that it has dropped. */
  readonly total: number;
  /**
   * Returns the number of an event or a rejection at a position, from 1; of an event that was put back, where it was
   * refused before.
   */
  of(at: string): number | string | undefined;
}

/** A batch whose events have versions. */
export interface NumberedBatch {
  /** The state to begin from: it is committed, and no other attempt gives these versions to other events. */
  readonly loaded: LoadedState;
  /** The numbering after the batch. */
  readonly numbering: Numbering;
  /** Undefined: an event that was put back, and that had no version. */
  versionOf(event: Pick<ReceivedEvent, 'position'>): bigint | undefined;
  /** Adds their versions to rejections, so that the events keep them when they are put back. */
  withVersions(rejections: readonly Rejection[]): readonly Rejection[];
}

/**
 * Gives the events of a batch their versions. They follow from the shard's records and its committed numbering alone,
 * so every attempt at a batch gives an event the same version, however the batch is cut.
 *
 * Code of another version may count otherwise. So may a process that read a shard before another one began it. Before
 * the first batch of a shard, and the first under new code, the numbering leaps over everything that was in flight, and
 * that is committed before anything is written. After a rewind it goes on in a new generation, above everything that
 * was written before.
 *
 * Checkpoints that were restored to an earlier state have forgotten numbers, leaps and generations. Whoever finds that
 * they may have been makes the numbering `inDoubt`. Each leap goes above all that may be forgotten: to the highest
 * generation that the destination knows, and to a number that grows by the clock.
 */
export async function numberBatch(
  step: Step,
  { key, loaded, ordinals }: { readonly key: string; readonly loaded: LoadedState; readonly ordinals: Ordinals },
  { generations, signal }: { readonly generations: Generations; readonly signal: AbortSignal },
): Promise<NumberedBatch> {
  const code = step.config.generation;
  const { numbering: known, rewinds = 0 } = loaded.state;
  const isCurrent = known !== undefined && known.code === code && known.rewinds >= rewinds;
  const from = isCurrent ? known : { ...(await leap(step, { known, rewinds }, { generations, signal })), code };
  const begun = isCurrent
    ? loaded
    : await commitState(step, key, { from: loaded, to: { ...loaded.state, numbering: from }, signal });
  const next = versionOf({ ...from, ordinal: from.ordinal + 1 });
  const versionAt = (at: string): bigint | undefined => {
    const number = ordinals.of(at);
    if (typeof number === 'number') return versionOf({ ...from, ordinal: from.ordinal + number });
    const version = number === undefined ? undefined : versionOfRedriven(number);
    // No event that was refused has a version that is yet to come.
    return version !== undefined && version < next ? version : undefined;
  };
  return {
    loaded: begun,
    numbering: { ...from, ordinal: from.ordinal + ordinals.total },
    versionOf: ({ position }) => versionAt(position),
    withVersions: (rejections) =>
      rejections.map((rejection) => {
        const version = rejection.event === undefined ? undefined : versionAt(rejection.at);
        return version === undefined
          ? rejection
          : { ...rejection, origin: { ...rejection.origin, version: version.toString() } };
      }),
  };
}

async function leap(
  { now }: Pick<Step, 'now'>,
  { known, rewinds }: { readonly known: Numbering | undefined; readonly rewinds: number },
  { generations, signal }: { readonly generations: Generations; readonly signal: AbortSignal },
): Promise<Omit<Numbering, 'code'>> {
  const { generation = 0, ordinal = 0 } = known ?? {};
  const isNew = known === undefined || known.rewinds < rewinds;
  return {
    generation: isNew
      ? await generations.next(generation, signal)
      : Math.max(generation, await generations.highest(signal)),
    ordinal: Math.max(ordinal + LEAP, leastOrdinal(now())),
    rewinds,
  };
}

/** Returns the state of a shard whose numbering leaps before the next batch, because it may have been restored. */
export function inDoubt(loaded: LoadedState): LoadedState {
  const { numbering } = loaded.state;
  if (numbering === undefined) return loaded;
  return { ...loaded, state: { ...loaded.state, numbering: { ...numbering, code: '' } } };
}
