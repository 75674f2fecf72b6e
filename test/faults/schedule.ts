import { minutes } from '../../infra/pipelines/pipeline.ts';
import { seededRandom } from '../infra/emulator/mapping/seeded-random.ts';
import type { FaultRule } from '../kit/faults.ts';
import type { Resharding } from '../kit/resharding.ts';
import { type Cell, cells, type Disturbance, disturbances, outages } from './cells.ts';
import type { Item, StreamName } from './chain.ts';
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

/** In their order. */
export type Happening =
  | { readonly what: 'post'; readonly items: readonly Item[] }
  /** A file; so many of its lines are no items. */
  | { readonly what: 'file'; readonly items: readonly Item[]; readonly broken: number }
  /** Another team's producer appends. */
  | { readonly what: 'foreign'; readonly items: readonly Item[] }
  /** Bytes that are no event. */
  | { readonly what: 'bytes'; readonly stream: StreamName; readonly text: string }
  | { readonly what: 'pass'; readonly millis: number }
  | { readonly what: 'reshard'; readonly stream: StreamName; readonly how: Resharding }
  | { readonly what: 'resume'; readonly step: string }
  | Disturbance;

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

/** The schedule of a seed: seeds that follow each other go through every cell of the matrix, and the rest is chance. */
export function scheduleOf(seed: number): Schedule {
  const random = seededRandom(seed);
  const below = (count: number): number => Math.floor(random() * count);
  const aims = Array.from({ length: CELLS_A_SCHEDULE }, (_, index) => {
    const place = seed * CELLS_A_SCHEDULE + index;
    const cell = cells[(place * STRIDE) % cells.length] as Cell;
    const isRare = rareSites[cell.site] !== undefined;
    return { cell, after: isRare ? 0 : place < cells.length ? below(2) : below(5) };
  });
  const happenings = inputs(below).flatMap((input): Happening[] => [
    input,
    ...(random() < 0.2 ? [{ what: 'reshard' as const, ...someResharding(below) }] : []),
    ...(random() < 0.7 ? [{ what: 'pass' as const, millis: below(4) === 0 ? below(minutes(2)) : below(1_200) }] : []),
  ]);
  const { disturbance, around } = disturbanceOf(seed, below);
  happenings.splice(1 + below(happenings.length - 1), 0, disturbance);
  happenings.push(...(around.later ?? []));
  const middle = Math.floor(happenings.length / 2);
  for (const { cell } of aims) happenings.splice(middle, 0, ...provocation(rareSites[cell.site]));
  return {
    seed,
    happenings,
    faults: [
      ...(around.faults ?? []),
      ...aims.flatMap(({ cell: { site, kind }, after }) =>
        kind === 'split' || kind === 'merge' ? [] : [{ site, kind, after, times: 1 + below(2) }],
      ),
    ],
    reshardings: aims.flatMap(({ cell: { site, kind, stream }, after }) =>
      kind === 'split' || kind === 'merge' ? [{ stream: stream as StreamName, how: kind, site, after }] : [],
    ),
    chance: { most: below(8), probability: 0.05 },
  };
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

interface Disturbed {
  readonly disturbance: Happening;
  /** What makes it likely to do harm. */
  readonly around: { readonly later?: readonly Happening[]; readonly faults?: readonly FaultRule[] };
}

/** An hour takes long to play, even if it is none: every fifth schedule has one. */
function disturbanceOf(seed: number, below: (count: number) => number): Disturbed {
  const some = seed % 5 === 0 ? outages : disturbances;
  const disturbance = some[Math.floor(seed / 5) % some.length] as Disturbance;
  switch (disturbance.what) {
    case 'pause':
      return { disturbance, around: { later: [{ what: 'resume', step: disturbance.step }] } };
    case 'deploy': {
      const site = `${disturbance.step} kinesis.PutRecords`;
      // A part of the batch is in the log, and the rest is not.
      const faults = [{ site, kind: 'throttled', after: 1 + below(4), times: 2 }] as const;
      return { disturbance, around: disturbance.when === 'at work' ? { faults } : {} };
    }
    case 'rewind':
      // An old row comes again, late, behind newer ones.
      return {
        disturbance: { what: 'pass', millis: below(2_000) },
        around: {
          later: [{ what: 'pass', millis: minutes(2) }, disturbance],
          faults: [{ site: 'second kinesis.PutRecords', kind: 'late', after: below(4), times: 2 }],
        },
      };
    default:
      return { disturbance, around: {} };
  }
}

const STREAMS: readonly StreamName[] = ['raw', 'mid', 'end'];

function someResharding(below: (count: number) => number) {
  return { stream: STREAMS[below(STREAMS.length)] as StreamName, how: below(2) === 0 ? 'split' : 'merge' } as const;
}

/** Some twenty events in handfuls. Numbers grow all the time, and a key is one way's alone: so each key's numbers show its order. */
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
