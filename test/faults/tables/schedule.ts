import { minutes } from '../../../infra/pipelines/pipeline.ts';
import { seededRandom } from '../../infra/emulator/mapping/seeded-random.ts';
import type { FaultRule } from '../../kit/faults.ts';
import type { Resharding } from '../../kit/resharding.ts';
import type { Cell, Disturbance } from '../cells.ts';
import { cells, disturbances, lasting } from './matrix.ts';
import type { Item, TableStream } from './pipeline.ts';

export type TableAction =
  | { readonly what: 'post' | 'foreign'; readonly items: readonly Item[] }
  | { readonly what: 'bytes'; readonly text: string }
  | { readonly what: 'pass'; readonly millis: number }
  | { readonly what: 'reshard'; readonly stream: TableStream; readonly how: Resharding }
  | { readonly what: 'upgrade'; readonly step: 'sums' | 'groups' }
  | { readonly what: 'resume'; readonly step: string }
  | Extract<Disturbance, { readonly what: 'kill' | 'recut' | 'pause' | 'down' }>;

/** Everything that is done to the chain of tables, as plain data. */
export interface TablesSchedule {
  readonly seed: number;
  readonly actions: readonly TableAction[];
  readonly faults: readonly FaultRule[];
  readonly chance: { readonly most: number; readonly probability: number };
  /** True when an operator redrives the dead letters of the sums, once the table takes them. */
  readonly isRedriven: boolean;
}

/** A value that the table rejects, and that no other items of a key outweigh. */
export const TOO_MUCH = 1_000_000;
/** A value that kills the function of the sums. */
export const DEADLY = 2_000_000;

/** How many cells of the matrix one schedule aims at, and a prime with which the schedules reach all of them. */
const CELLS_A_SCHEDULE = 4;
const STRIDE = 7_919;

const STREAMS: readonly TableStream[] = ['raw', 'clean', 'changes', 'deltas', 'group_changes'];

/** Makes the schedule of a seed. Consecutive seeds go through the cells of the matrix; the rest is random. */
export function tablesScheduleOf(seed: number): TablesSchedule {
  const random = seededRandom(seed);
  const below = (count: number): number => Math.floor(random() * count);
  const actions = inputs(below).flatMap((input) => [input, ...between(below)]);
  const disturbance = disturbanceOf(seed);
  actions.splice(1 + below(actions.length - 1), 0, disturbance);
  if (disturbance.what === 'pause') actions.push({ what: 'resume', step: disturbance.step });
  return {
    seed,
    actions,
    faults: Array.from({ length: CELLS_A_SCHEDULE }, (_, index) => {
      const count = seed * CELLS_A_SCHEDULE + index;
      const { site, kind } = cells[(count * STRIDE) % cells.length] as Cell & { readonly kind: FaultRule['kind'] };
      return { site, kind, after: count < cells.length ? 0 : below(4), times: 1 + below(2) };
    }),
    chance: { most: below(8), probability: 0.05 },
    isRedriven: below(3) === 0,
  };
}

/** Chooses what happens after an input: nothing, or a few things. */
function between(below: (count: number) => number): readonly TableAction[] {
  const actions: TableAction[] = [];
  if (below(4) === 0) actions.push(someResharding(below));
  if (below(8) === 0) actions.push({ what: 'upgrade', step: below(2) === 0 ? 'sums' : 'groups' });
  if (below(3) > 0) actions.push({ what: 'pass', millis: below(4) === 0 ? below(minutes(2)) : below(1_200) });
  return actions;
}

/** Virtual hours take real time to play, so only every tenth schedule has a lasting disturbance. */
function disturbanceOf(seed: number): Extract<TableAction, Disturbance> {
  const lastingBefore = Math.ceil(seed / 10);
  const all = seed % 10 === 0 ? lasting : disturbances;
  const index = seed % 10 === 0 ? lastingBefore : seed - lastingBefore;
  return all[index % all.length] as Extract<TableAction, Disturbance>;
}

function someResharding(below: (count: number) => number): TableAction {
  const how = below(2) === 0 ? 'split' : 'merge';
  return { what: 'reshard', stream: STREAMS[below(STREAMS.length)] as TableStream, how };
}

/** Makes about twenty-five items in small groups, few of them rejected, and one at most that kills the table. */
function inputs(below: (count: number) => number): readonly TableAction[] {
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
