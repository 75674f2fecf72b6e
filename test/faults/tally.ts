import { allCells, allSites, type Cell, cellKinds, type Disturbance, disturbances, lasting } from './cells.ts';
import type { Happening } from './happening.ts';
import type { PlayedSchedule } from './played.ts';

/** How often what happened where, over all schedules. */
export interface Tally {
  add(played: PlayedSchedule): void;
  /** Call sites by kinds of fault, and below it what happened to steps as a whole. */
  table(): string;
  /** Cells that were never met. */
  missed(): readonly Cell[];
  /** The same, and sites that are not known: one line each. */
  gaps(): readonly string[];
}

export function newTally(): Tally {
  const counts = new Map<string, number>();
  const called = new Set<string>();
  const count = (what: string): void => {
    counts.set(what, (counts.get(what) ?? 0) + 1);
  };
  const of = (what: string): number => counts.get(what) ?? 0;
  const missed = (): readonly Cell[] => allCells.filter((cell) => of(cellName(cell)) === 0);
  return {
    missed,
    add({ faults, happenings, sites }) {
      for (const fault of faults) count(cellName(fault));
      for (const happening of happenings) if (isDisturbance(happening)) count(told(happening));
      for (const site of sites) called.add(site);
    },
    table() {
      const all = [...new Set([...allSites, ...called])].sort();
      const isCell = new Set(allCells.map(cellName));
      const rows = all.map((site) =>
        cellKinds.map((kind) => {
          const name = cellName({ site, kind });
          return isCell.has(name) || of(name) > 0 ? String(of(name)) : '';
        }),
      );
      return [
        ...aligned(['call site', ...cellKinds], all, rows),
        '',
        ...[...disturbances, ...lasting].map((one) => `${String(of(told(one))).padStart(6)} ${told(one)}`),
      ].join('\n');
    },
    gaps() {
      return [
        ...allSites.filter((site) => !called.has(site)).map((site) => `nobody calls '${site}' any more`),
        ...[...called]
          .filter((site) => !allSites.includes(site))
          .map((site) => `'${site}' is new: name it in test/faults/sites.ts, so that faults are aimed at it`),
        ...missed().map((cell) => `'${cell.site}' was never ${cell.kind}`),
        ...[...disturbances, ...lasting]
          .filter((one) => of(told(one)) === 0)
          .map((one) => `${told(one)} never happened`),
      ];
    },
  };
}

function cellName({ site, kind }: { readonly site: string; readonly kind: string }): string {
  return `${site}: ${kind}`;
}

function isDisturbance(happening: Happening): happening is Happening & Disturbance {
  return [...disturbances, ...lasting].some(({ what }) => what === happening.what);
}

function told(one: Disturbance): string {
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
      return `${one.step}: changed code, deployed when it is ${one.when}`;
    case 'killer':
      return `${one.step}: killed by an event, that comes with ${one.among}`;
    case 'redrive':
      return `${one.step}: dead letters are redriven, ${one.mended ? 'when it is mended' : 'and refused again'}`;
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
