import { minutes } from '../../../infra/pipelines/pipeline.ts';
import type { AnyAction } from '../perform-any.ts';
import { type Below, someResharding, type Turns, turnsOf } from '../turns.ts';
import { cells, disturbances, lasting } from './matrix.ts';
import type { Item, TableStream } from './pipeline.ts';

export type TableAction = { readonly what: 'post' | 'foreign'; readonly items: readonly Item[] } | AnyAction;

/** Everything that is done to the chain of tables, as plain data. */
export interface TablesSchedule extends Turns<TableAction> {
  /** True when an operator redrives the dead letters of the sums, once the table takes them. */
  readonly isRedriven: boolean;
}

/** A value that the table rejects, and that no other items of a key outweigh. */
export const TOO_MUCH = 1_000_000;
/** A value that kills the function of the sums. */
export const DEADLY = 2_000_000;

const STREAMS: readonly TableStream[] = ['raw', 'clean', 'changes', 'deltas', 'group_changes'];

/** Makes the schedule of a seed. Consecutive seeds go through the cells of the matrix; the rest is random. */
export function tablesScheduleOf(seed: number): TablesSchedule {
  const { turns, below } = turnsOf(seed, { cells, disturbances, lasting }, (below) =>
    inputs(below).flatMap((input) => [input, ...between(below)]),
  );
  return { ...turns, isRedriven: below(3) === 0 };
}

/** Chooses what happens after an input: nothing, or a few things. */
function between(below: Below): readonly TableAction[] {
  const actions: TableAction[] = [];
  if (below(4) === 0) actions.push(someResharding(STREAMS, below));
  if (below(8) === 0) actions.push({ what: 'upgrade', step: below(2) === 0 ? 'sums' : 'groups' });
  if (below(3) > 0) actions.push({ what: 'pass', millis: below(4) === 0 ? below(minutes(2)) : below(1_200) });
  return actions;
}

/** Makes about twenty-five items in small groups, few of them rejected, and one at most that kills the table. */
function inputs(below: Below): readonly TableAction[] {
  let next = below(1_000);
  const isDeadly = below(6) === 0 ? below(20) : undefined;
  let count = 0;
  const item = (way: string): Item => {
    const value = count++ === isDeadly ? DEADLY : below(15) === 0 ? TOO_MUCH : below(9) - 3;
    return { n: next++, key: `${way}-${below(3)}`, value };
  };
  const kinds = ['post', 'foreign', 'post', 'bytes', 'post', 'foreign', 'post', 'post'] as const;
  return kinds.map((what, index): TableAction => {
    if (what === 'bytes') return { what, text: `no event ${index}` };
    return { what, items: Array.from({ length: 2 + below(4) }, () => item(what)) };
  });
}
