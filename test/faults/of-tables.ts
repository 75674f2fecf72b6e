import type { FaultKind } from '../kit/faults.ts';
import type { Action } from './action.ts';
import type { Cell } from './cells.ts';
import { joinedMatrix } from './joined/matrix.ts';
import { playJoined } from './joined/play.ts';
import { type JoinedSchedule, joinedScheduleOf } from './joined/schedule.ts';
import type { PlayedSchedule } from './played.ts';
import { tablesMatrix } from './tables/matrix.ts';
import { playTables } from './tables/play.ts';
import { type TablesSchedule, tablesScheduleOf } from './tables/schedule.ts';
import type { Matrix, Tally } from './tally.ts';

/** What all schedules of tables together have to contain. */
export const matrixOfTables: Matrix = {
  cells: [...tablesMatrix.cells, ...joinedMatrix.cells],
  sites: [...tablesMatrix.sites, ...joinedMatrix.sites],
  disturbances: [...tablesMatrix.disturbances, ...joinedMatrix.disturbances],
  isOpen: true,
};

/** Even seeds play a chain of tables and the readers of their changes, odd ones windows and joins. */
type ScheduleOfTables =
  | { readonly of: 'tables'; readonly schedule: TablesSchedule }
  | { readonly of: 'joined'; readonly schedule: JoinedSchedule };

function scheduleOf(seed: number): ScheduleOfTables {
  if (seed >= SWEEP) return sweepSchedule(seed);
  if (seed % 2 === 0) return { of: 'tables', schedule: tablesScheduleOf(seed) };
  return { of: 'joined', schedule: joinedScheduleOf(seed) };
}

/** Seeds from here on aim at one cell each. */
const SWEEP = 1_000_000;
const SWEEP_TRIES = 24;

/** The last digits of the seed say which cell, and which try it is: later tries let some calls succeed first. */
function sweepSchedule(seed: number): ScheduleOfTables {
  const [index, attempt] = [Math.floor((seed - SWEEP) / SWEEP_TRIES), (seed - SWEEP) % SWEEP_TRIES];
  const { site, kind } = matrixOfTables.cells[index] as Cell & { readonly kind: FaultKind };
  const faults = [{ site, kind, after: attempt >> 2, times: 1 }];
  const chance = { most: 0, probability: 0 };
  if (index < tablesMatrix.cells.length)
    return { of: 'tables', schedule: { ...tablesScheduleOf(seed), faults, chance } };
  return { of: 'joined', schedule: { ...joinedScheduleOf(seed), faults, chance } };
}

function play(one: ScheduleOfTables) {
  return one.of === 'tables' ? playTables(one.schedule) : playJoined(one.schedule);
}

/** Plays the schedule of a seed and reports on it. */
export async function playedOfTables(seed: number): Promise<PlayedSchedule> {
  const one = scheduleOf(seed);
  const { run, violations } = await play(one);
  return {
    seed,
    violations,
    faults: run.faults().map(({ site, kind }) => ({ site, kind })),
    actions: one.schedule.actions.filter(isDisturbance),
    sites: [...run.calls().keys()],
  };
}

function isDisturbance(action: { readonly what: string }): action is Action & { readonly what: 'kill' } {
  return ['kill', 'recut', 'pause', 'down'].includes(action.what);
}

/** Describes a schedule that broke a promise: what is wrong, what was done, and what happened. */
export async function explainedOfTables(seed: number): Promise<string> {
  const one = scheduleOf(seed);
  const { violations, run } = await play(one);
  const { actions, faults } = one.schedule;
  return [
    `schedule ${seed} of ${one.of === 'tables' ? 'tables' : 'windows and joins'} broke a promise:`,
    ...violations.map((violation) => `  ${violation}`),
    ...actions.map((action) => `  ${JSON.stringify(action)}`),
    ...faults.map((fault) => `  ${JSON.stringify(fault)}`),
    'what happened:',
    ...run.story().map((line) => `  ${line}`),
    `to play it again: npm run test:faults -- --only tables --seed ${seed} --schedules 1`,
  ].join('\n');
}

/**
 * Plays schedules that aim at the cells that no schedule has met, and adds them to the tally. Resolves to the broken
 * ones.
 */
export async function sweptTables(tally: Tally): Promise<readonly PlayedSchedule[]> {
  const broken: PlayedSchedule[] = [];
  for (const cell of tally.missed()) {
    const first = SWEEP + matrixOfTables.cells.indexOf(cell) * SWEEP_TRIES;
    for (let seed = first; seed < first + SWEEP_TRIES && tally.missed().includes(cell); seed++) {
      const played = await playedOfTables(seed);
      tally.add(played);
      if (played.violations.length > 0) broken.push(played);
    }
  }
  return broken;
}
