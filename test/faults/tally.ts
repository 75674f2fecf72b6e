import type { Action } from './action.ts';
import { allCells, allSites, type Cell, cellKinds, type Disturbance, disturbances, lasting } from './cells.ts';
import type { PlayedSchedule } from './played.ts';
import { chanceSites, unaimedSites } from './sites.ts';

/** Counts of faults by call site and kind, and of disturbances, over all schedules. */
export interface Tally {
  add(played: PlayedSchedule): void;
  /** Prints a table of call sites by kinds of fault, and below it the disturbances of whole steps. */
  table(): string;
  /** Returns the cells that no schedule met. */
  missed(): readonly Cell[];
  /** Returns the disturbances that never happened. */
  missing(): readonly Disturbance[];
  /** Returns a line for each of those, for each unknown or unused call site. */
  gaps(): readonly string[];
}

/** What a kind of schedules has to contain. */
export interface Matrix {
  readonly cells: readonly Cell[];
  readonly sites: readonly string[];
  readonly disturbances: readonly Disturbance[];
  /** Calls that no fault has to aim at. */
  readonly unaimed?: readonly string[];
  /** Calls that do not have to be made. */
  readonly byChance?: readonly string[];
  /** True when the steps make other calls too, which the matrix does not name. */
  readonly isOpen?: true;
}

const CHAIN: Matrix = {
  cells: allCells,
  sites: allSites,
  disturbances: [...disturbances, ...lasting],
  unaimed: unaimedSites,
  byChance: chanceSites,
};

export function newTally(matrix: Matrix = CHAIN): Tally {
  const { cells, sites: aimed, disturbances: wanted, unaimed = [], byChance = [], isOpen = false } = matrix;
  const isDisturbance = (action: Action): action is Action & Disturbance =>
    wanted.some(({ what }) => what === action.what);
  const counts = new Map<string, number>();
  const called = new Set<string>();
  const count = (what: string): void => {
    counts.set(what, (counts.get(what) ?? 0) + 1);
  };
  const of = (what: string): number => counts.get(what) ?? 0;
  const missed = (): readonly Cell[] => cells.filter((cell) => of(cellName(cell)) === 0);
  const missing = (): readonly Disturbance[] => wanted.filter((one) => of(labelOf(one)) === 0);
  return {
    missed,
    missing,
    add({ faults, actions, sites }) {
      for (const fault of faults) count(cellName(fault));
      for (const action of actions) if (isDisturbance(action)) count(labelOf(action));
      for (const site of sites) called.add(site);
    },
    table() {
      const all = [...new Set([...aimed, ...called])].sort();
      const isCell = new Set(cells.map(cellName));
      const rows = all.map((site) =>
        cellKinds.map((kind) => {
          const name = cellName({ site, kind });
          return isCell.has(name) || of(name) > 0 ? String(of(name)) : '';
        }),
      );
      return [
        ...aligned(['call site', ...cellKinds], all, rows),
        '',
        ...wanted.map((one) => `${String(of(labelOf(one))).padStart(6)} ${labelOf(one)}`),
      ].join('\n');
    },
    gaps() {
      return [
        ...[...aimed, ...unaimed]
          .filter((site) => !called.has(site))
          .map((site) => `no step calls '${site}' any more: remove it from test/faults/sites.ts`),
        ...[...called]
          .filter((site) => !isOpen && ![aimed, unaimed, byChance].some((known) => known.includes(site)))
          .map((site) => `'${site}' is new: add it to test/faults/sites.ts, so that faults aim at it`),
        ...missed().map((cell) => `'${cell.site}' never met: ${cell.kind}`),
        ...missing().map((one) => `${labelOf(one)} never happened`),
      ];
    },
  };
}

function cellName({ site, kind }: { readonly site: string; readonly kind: string }): string {
  return `${site}: ${kind}`;
}

function labelOf(one: Disturbance): string {
  switch (one.what) {
    case 'kill':
      return `${one.step}: its processes are killed`;
    case 'recut':
      return `${one.step}: its batches are cut differently`;
    case 'down':
      return `${one.site}: down for an hour`;
    case 'pause':
      return `${one.step}: paused for a while`;
    case 'deploy':
      return `${one.step}: changed code is deployed while the step is ${one.when}`;
    case 'poison':
      return `${one.step}: killed by an event, with ${one.among} in its record`;
    case 'redrive':
      return `${one.step}: dead letters are redriven, and ${one.fixed ? 'accepted by the fixed step' : 'rejected again'}`;
    case 'rewind':
      return `${one.step}: rewound to ${one.to === 'earliest' ? 'the earliest record' : 'the middle'}`;
  }
}

function aligned(
  [corner = '', ...heads]: readonly string[],
  names: readonly string[],
  rows: readonly (readonly string[])[],
): readonly string[] {
  const width = Math.max(corner.length, ...names.map((name) => name.length));
  const line = (name: string, fields: readonly string[]): string =>
    [name.padEnd(width), ...fields.map((field, index) => field.padStart((heads[index] ?? '').length))]
      .join('  ')
      .trimEnd();
  return [line(corner, heads), ...rows.map((row, index) => line(names[index] ?? '', row))];
}
