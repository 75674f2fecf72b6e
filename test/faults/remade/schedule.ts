import { minutes } from '../../../infra/pipelines/pipeline.ts';
import { someNumber } from '../../pipelines/rebuild-schedule.ts';
import type { AnyAction } from '../perform-any.ts';
import { type Below, someResharding, type Turns, turnsOf } from '../turns.ts';
import { cells, disturbances, lasting } from './matrix.ts';
import type { Numbered } from './pipeline.ts';

export type RemadeAction =
  | { readonly what: 'values'; readonly values: readonly Numbered[] }
  /** Code is deployed that keeps other columns, so the table is made again. */
  | { readonly what: 'rebuild'; readonly factor: number }
  /** An operator asks to make the table again, and ends the command after that many invocations. */
  | { readonly what: 'remake'; readonly pulls: number }
  | { readonly what: 'redrive' }
  | AnyAction;

/** Everything that is done to the source and the table, as plain data. */
export type RemadeSchedule = Turns<RemadeAction>;

const HANDFULS = 7;

/** Makes the schedule of a seed. Consecutive seeds go through the cells of the matrix; the rest is random. */
export function remadeScheduleOf(seed: number): RemadeSchedule {
  const { turns } = turnsOf(seed, { cells, disturbances, lasting }, (below) =>
    Array.from({ length: HANDFULS }, () => [someValues(below), ...between(below)]).flat(),
  );
  return turns;
}

function someValues(below: Below): RemadeAction {
  const values = Array.from({ length: 1 + below(6) }, () => ({ id: `k${below(5)}`, n: someNumber(below) }));
  return { what: 'values', values };
}

/** Chooses what happens after an input: nothing, or a few things. */
function between(below: Below): readonly RemadeAction[] {
  return [
    ...(below(4) === 0 ? [someResharding(['raw', 'changes'], below)] : []),
    ...(below(3) === 0 ? [{ what: 'rebuild', factor: 1 + below(3) } as const] : []),
    ...(below(9) === 0 ? [{ what: 'remake', pulls: 1 + below(3) } as const] : []),
    ...(below(6) === 0 ? [{ what: 'redrive' } as const] : []),
    ...(below(8) === 0 ? [{ what: 'upgrade', step: 'added' } as const] : []),
    { what: 'pass', millis: below(4) === 0 ? below(minutes(2)) : below(6_000) },
  ];
}
