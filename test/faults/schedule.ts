import type { MarkLimits } from '../../functions/runtime/checkpoints/runs.ts';
import { minutes } from '../../infra/pipelines/pipeline.ts';
import { seededRandom } from '../infra/emulator/mapping/seeded-random.ts';
import type { FaultRule } from '../kit/faults.ts';
import type { Resharding } from '../kit/resharding.ts';
import type { Action } from './action.ts';
import { allCells, type Cell, cells, type Disturbance, disturbances, lasting, operatorAims } from './cells.ts';
import type { Item, StreamName } from './chain.ts';
import { disturbedBy } from './disturbed.ts';
import { type Provocation, rareSites } from './sites.ts';

/** Everything that is done to the chain. It is plain data, so that a failing schedule can be shrunk and kept. */
export interface Schedule {
  readonly seed: number;
  readonly actions: readonly Action[];
  readonly faults: readonly FaultRule[];
  readonly reshardings: readonly ReshardingDuring[];
  /** Calls that fail at random as well: `most` at most. */
  readonly chance: { readonly most: number; readonly probability: number };
  /** Set where a state has room for a few marks only, as if there were thousands of sources. */
  readonly markLimits?: MarkLimits;
}

export interface ReshardingDuring {
  readonly stream: StreamName;
  readonly how: Resharding;
  readonly site: string;
  readonly after: number;
}

/** Every so many schedules, from this one on, one has many marks. */
const MARKS_EVERY = 16;
const MARKS_AT = 7;

/** How many cells of the matrix one schedule aims at. */
const CELLS_A_SCHEDULE = 4;
/** A prime, so that the schedules reach all cells and the cells of one schedule are far from each other. */
const STRIDE = 7_919;
/** Every so many schedules, one contains an operator's command. */
const OPERATOR_EVERY = 4;

/** How many schedules, from seed 0 on, catch every planted mistake. */
export const ENOUGH_SCHEDULES = 160;

/** Makes the schedule of a seed. Consecutive seeds go through the cells of the matrix; the rest is random. */
export function scheduleOf(seed: number): Schedule {
  return seed % MARKS_EVERY === MARKS_AT ? withManyMarks(ordinarySchedule(seed)) : ordinarySchedule(seed);
}

function ordinarySchedule(seed: number): Schedule {
  const random = seededRandom(seed);
  const below = (count: number): number => Math.floor(random() * count);
  if (seed % OPERATOR_EVERY === 1) {
    const aimed = operatorAimsIn(Math.floor(seed / OPERATOR_EVERY));
    return composed(seed, { ...aimed, chance: below(8), random });
  }
  const turn = seed - Math.floor((seed + OPERATOR_EVERY - 2) / OPERATOR_EVERY);
  const [disturbance, aims] = [disturbanceOf(turn), aimsOf(turn, below)];
  return composed(seed, { disturbance, aims, chance: below(8), random });
}

/**
 * Adds many marks to a schedule, and a table that is restored from a backup. The oracle does not know what a restored
 * table makes of dead letters that were redriven.
 */
function withManyMarks(schedule: Schedule): Schedule {
  const { actions } = schedule;
  const isRedriven = actions.some(({ what }) => what === 'redrive');
  const third = Math.floor(actions.length / 3);
  const restored: readonly Action[] = [
    ...actions.slice(0, third),
    { what: 'pass', millis: minutes(4) },
    { what: 'back up', step: 'ledger' },
    // In several runs of the sink, so that its pages are replaced.
    ...actions.slice(third, 2 * third).flatMap((action): Action[] => [action, { what: 'pass', millis: minutes(3) }]),
    { what: 'restore', step: 'ledger' },
    ...actions.slice(2 * third),
  ];
  return { ...schedule, actions: isRedriven ? actions : restored, markLimits: { stateBytes: 1, runBytes: 300 } };
}

/** The seeds of schedules that aim at chosen cells begin here. */
const AIMED = 1_000_000;
const MOST_ATTEMPTS = 100;

/** Tells what an operator must do for a cell's call to be made: cells of one schedule need the same. */
export function disturbanceFor(cell: Cell): Disturbance | undefined {
  return operatorAims.find(({ cells: its }) => its.includes(cell))?.disturbance;
}

/** What a schedule aims at. */
export interface AimedAt {
  /** Cells that need the same operator's command. */
  readonly cells: readonly Cell[];
  /** A disturbance that it contains besides, where the cells need none. */
  readonly disturbance?: Disturbance | undefined;
  /** Counts earlier schedules that aimed at these cells: each makes other random choices. */
  readonly attempt: number;
}

/** Makes a schedule that aims at these cells, and at nothing by chance. */
export function aimedSchedule({ cells: aimedAt, disturbance, attempt }: AimedAt): Schedule {
  const [first] = aimedAt;
  const seed = AIMED + (first === undefined ? 0 : allCells.indexOf(first)) * MOST_ATTEMPTS + attempt;
  // Where a call's first time did not meet the fault, a later time may.
  const later = Math.max(0, attempt - 3) % 3;
  const aims = aimedAt.map((cell) => ({ cell, after: rareSites[cell.site] === undefined ? later : 0 }));
  const needed = first === undefined ? undefined : disturbanceFor(first);
  return composed(seed, { disturbance: needed ?? disturbance, aims, chance: 0, random: seededRandom(seed) });
}

/** Tells whether `scheduleOf` makes a schedule from its seed. */
export function isOfSeed({ seed }: Schedule): boolean {
  return seed < AIMED;
}

interface Composition {
  readonly disturbance: Disturbance | undefined;
  readonly aims: readonly Aim[];
  /** How many calls fail at random. */
  readonly chance: number;
  readonly random: () => number;
}

interface Aim {
  readonly cell: Cell;
  readonly after: number;
}

function composed(seed: number, { disturbance, aims, chance, random }: Composition): Schedule {
  const below = (count: number): number => Math.floor(random() * count);
  const actions = inputs(below).flatMap((input): Action[] => [
    input,
    ...(random() < 0.2 ? [{ what: 'reshard' as const, ...someResharding(below) }] : []),
    ...(random() < 0.7 ? [{ what: 'pass' as const, millis: below(4) === 0 ? below(minutes(2)) : below(1_200) }] : []),
  ]);
  const around = disturbance === undefined ? {} : disturbedBy(disturbance, below);
  actions.splice(1 + below(actions.length - 1), 0, ...(around.among ?? []));
  const middle = Math.floor(actions.length / 2);
  for (const what of new Set(aims.map(({ cell }) => rareSites[cell.site])))
    actions.splice(middle, 0, ...provocation(what));
  return {
    seed,
    actions: [...(around.before ?? []), ...actions, ...(around.after ?? [])],
    faults: [
      ...(around.faults ?? []),
      ...aims.flatMap(({ cell: { site, kind }, after }) =>
        kind === 'split' || kind === 'merge' ? [] : [{ site, kind, after, times: 1 + below(2) }],
      ),
    ],
    reshardings: aims.flatMap(({ cell: { site, kind, stream }, after }) =>
      kind === 'split' || kind === 'merge' ? [{ stream: stream as StreamName, how: kind, site, after }] : [],
    ),
    chance: { most: chance, probability: 0.05 },
  };
}

/** Chooses cells and calls to fail. `turn` counts the schedules without an operator's command. */
function aimsOf(turn: number, below: (count: number) => number): readonly Aim[] {
  return Array.from({ length: CELLS_A_SCHEDULE }, (_, index) => {
    const count = turn * CELLS_A_SCHEDULE + index;
    const cell = cells[(count * STRIDE) % cells.length] as Cell;
    const isSecond = rareSites[cell.site] === undefined && count >= cells.length;
    return { cell, after: isSecond ? below(4) : 0 };
  });
}

/** Chooses an operator's command, and cells among the calls that a step makes because of it. */
function operatorAimsIn(turn: number): Pick<Composition, 'disturbance' | 'aims'> {
  const { disturbance, cells: its } = operatorAims[turn % operatorAims.length] as (typeof operatorAims)[number];
  const before = Array.from({ length: turn }, (_, earlier) => operatorAims[earlier % operatorAims.length]);
  const times = before.filter((one) => one?.cells === its).length;
  const aims = Array.from({ length: CELLS_A_SCHEDULE }, (_, index) => ({
    cell: its[((times * CELLS_A_SCHEDULE + index) * STRIDE) % its.length] as Cell,
    after: 0,
  }));
  return { disturbance, aims };
}

function provocation(what: Provocation | undefined): readonly Action[] {
  switch (what) {
    case 'many files':
      // More files than there are lanes.
      return [0, 1, 2, 3, 4].map((file) => ({
        what: 'file',
        items: [{ n: 2_000 + file, key: `many-${file}` }],
        broken: 0,
      }));
    case 'raw is drained':
    case 'mid is drained': {
      const stream = what === 'raw is drained' ? 'raw' : 'mid';
      // Long enough for scheduled sinks to have read the earlier records.
      return [
        { what: 'pass', millis: minutes(4) },
        { what: 'reshard', stream, how: 'split' },
        { what: 'reshard', stream, how: 'split' },
      ];
    }
    default:
      return [];
  }
}

/** Chooses a disturbance. Virtual hours take real time to play, so only every fifth schedule has a lasting one. */
function disturbanceOf(turn: number): Disturbance {
  const lastingBefore = Math.ceil(turn / 5);
  if (turn % 5 === 0) return lasting[lastingBefore % lasting.length] as Disturbance;
  return disturbances[(turn - lastingBefore) % disturbances.length] as Disturbance;
}

const STREAMS: readonly StreamName[] = ['raw', 'mid', 'end'];

function someResharding(below: (count: number) => number) {
  return { stream: STREAMS[below(STREAMS.length)] as StreamName, how: below(2) === 0 ? 'split' : 'merge' } as const;
}

/**
 * Makes about twenty events in small groups. Numbers only grow, and each way into the log has keys of its own, so the
 * numbers of a key show its order.
 */
function inputs(below: (count: number) => number): readonly Action[] {
  // A random start, because an item's number decides what becomes of it.
  let next = below(1_000);
  const items = (way: string, count: number): Item[] =>
    Array.from({ length: count }, () => ({ n: next++, key: `${way}-${below(3)}` }));
  const kinds: readonly ('post' | 'file' | 'foreign' | 'raw' | 'end')[] = [
    'post',
    'post',
    'post',
    'file',
    'foreign',
    'raw',
    'end',
    ...(below(2) === 0 ? (['file'] as const) : []),
  ];
  const shuffled = kinds.map((kind) => ({ kind, order: below(1_000) })).sort((a, b) => a.order - b.order);
  return shuffled.map(({ kind }, index): Action => {
    const count = 2 + below(5);
    switch (kind) {
      case 'file':
        return { what: 'file', items: items(`file-${index}`, count), broken: 1 };
      case 'foreign':
        return { what: 'foreign', items: items('foreign', count) };
      case 'raw':
      case 'end':
        return { what: 'bytes', stream: kind, text: `no event ${index}` };
      default:
        return { what: 'post', items: items('post', count) };
    }
  });
}
