import { minutes } from '../../infra/pipelines/pipeline.ts';
import { seededRandom } from '../infra/emulator/mapping/seeded-random.ts';
import type { FaultRule } from '../kit/faults.ts';
import type { Resharding } from '../kit/resharding.ts';
import { allCells, asked, type Cell, cells, type Disturbance, disturbances, lasting } from './cells.ts';
import type { Item, StreamName } from './chain.ts';
import { disturbedBy } from './disturbed.ts';
import type { Happening } from './happening.ts';
import { type Provocation, rareSites } from './sites.ts';

/** All that happens to the chain. Plain data, so that a schedule that fails can be made smaller and kept. */
export interface Schedule {
  readonly seed: number;
  readonly happenings: readonly Happening[];
  readonly faults: readonly FaultRule[];
  readonly reshardings: readonly ReshardingDuring[];
  /** Calls fail by chance too. */
  readonly chance: { readonly most: number; readonly probability: number };
}

export interface ReshardingDuring {
  readonly stream: StreamName;
  readonly how: Resharding;
  readonly site: string;
  readonly after: number;
}

/** As many cells of the matrix as one schedule is aimed at. */
const CELLS_A_SCHEDULE = 4;
/** Prime: so all cells are met, and those of one schedule are far from each other. */
const STRIDE = 7_919;
/** So often something is asked of a step. */
const ASKED_EVERY = 4;

/** The schedule of a seed: seeds that follow each other go through every cell of the matrix, and the rest is chance. */
export function scheduleOf(seed: number): Schedule {
  if (seed >= SWEEP) return sweepSchedule(seed);
  const random = seededRandom(seed);
  const below = (count: number): number => Math.floor(random() * count);
  if (seed % ASKED_EVERY === 1) {
    const aimed = askedIn(Math.floor(seed / ASKED_EVERY));
    return composed(seed, { ...aimed, chance: below(8), random });
  }
  const turn = seed - Math.floor((seed + ASKED_EVERY - 2) / ASKED_EVERY);
  const [disturbance, aims] = [disturbanceOf(turn), aimsOf(turn, below)];
  return composed(seed, { disturbance, aims, chance: below(8), random });
}

const SWEEP = 1_000_000;
const SWEEP_TRIES = 12;

/**
 * Seeds of schedules that are aimed at one cell only, for cells that others have missed: to be played until it is met.
 */
export function sweepSeeds(cell: Cell): readonly number[] {
  return Array.from({ length: SWEEP_TRIES }, (_, attempt) => SWEEP + allCells.indexOf(cell) * SWEEP_TRIES + attempt);
}

function sweepSchedule(seed: number): Schedule {
  const cell = allCells[Math.floor((seed - SWEEP) / SWEEP_TRIES)] as Cell;
  const disturbance = asked.find(({ cells: its }) => its.includes(cell))?.disturbance;
  const after = ((seed - SWEEP) % SWEEP_TRIES) >> 2;
  return composed(seed, { disturbance, aims: [{ cell, after }], chance: 0, random: seededRandom(seed) });
}

interface Composition {
  readonly disturbance: Disturbance | undefined;
  readonly aims: readonly Aim[];
  /** So many calls fail by chance. */
  readonly chance: number;
  readonly random: () => number;
}

interface Aim {
  readonly cell: Cell;
  readonly after: number;
}

function composed(seed: number, { disturbance, aims, chance, random }: Composition): Schedule {
  const below = (count: number): number => Math.floor(random() * count);
  const happenings = inputs(below).flatMap((input): Happening[] => [
    input,
    ...(random() < 0.2 ? [{ what: 'reshard' as const, ...someResharding(below) }] : []),
    ...(random() < 0.7 ? [{ what: 'pass' as const, millis: below(4) === 0 ? below(minutes(2)) : below(1_200) }] : []),
  ]);
  const around = disturbance === undefined ? {} : disturbedBy(disturbance, below);
  happenings.splice(1 + below(happenings.length - 1), 0, ...(around.among ?? []));
  const middle = Math.floor(happenings.length / 2);
  for (const what of new Set(aims.map(({ cell }) => rareSites[cell.site])))
    happenings.splice(middle, 0, ...provocation(what));
  return {
    seed,
    happenings: [...(around.before ?? []), ...happenings, ...(around.after ?? [])],
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

/** `turn`: schedules in which nothing is asked, counted. */
function aimsOf(turn: number, below: (count: number) => number): readonly Aim[] {
  return Array.from({ length: CELLS_A_SCHEDULE }, (_, index) => {
    const place = turn * CELLS_A_SCHEDULE + index;
    const cell = cells[(place * STRIDE) % cells.length] as Cell;
    const isSecond = rareSites[cell.site] === undefined && place >= cells.length;
    return { cell, after: isSecond ? below(4) : 0 };
  });
}

/** What an operator asks for, and faults at the calls that a step makes because of it. */
function askedIn(turn: number): Pick<Composition, 'disturbance' | 'aims'> {
  const { disturbance, cells: its } = asked[turn % asked.length] as (typeof asked)[number];
  const before = Array.from({ length: turn }, (_, earlier) => asked[earlier % asked.length]);
  const times = before.filter((one) => one?.cells === its).length;
  const aims = Array.from({ length: CELLS_A_SCHEDULE }, (_, index) => ({
    cell: its[((times * CELLS_A_SCHEDULE + index) * STRIDE) % its.length] as Cell,
    after: 0,
  }));
  return { disturbance, aims };
}

function provocation(what: Provocation | undefined): readonly Happening[] {
  switch (what) {
    case 'many files':
      // More than there are lanes.
      return [0, 1, 2, 3, 4].map((file) => ({
        what: 'file',
        items: [{ n: 2_000 + file, key: `many-${file}` }],
        broken: 0,
      }));
    case 'raw is drained':
    case 'mid is drained': {
      const stream = what === 'raw is drained' ? 'raw' : 'mid';
      // Long enough for scheduled sinks to have seen what was there before.
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

/** Hours take long to play, even if they are none: every fifth schedule has some. */
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
 * Some twenty events in handfuls. Numbers grow all the time, and a key is one way's alone: so each key's numbers show
 * its order.
 */
function inputs(below: (count: number) => number): readonly Happening[] {
  // So that few events already meet every end that there is.
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
  return shuffled.map(({ kind }, index): Happening => {
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
