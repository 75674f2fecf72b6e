import type { FaultKind, FaultRule } from '../kit/faults.ts';
import type { PipelineRun } from '../kit/pipeline-run.ts';
import type { Action } from './action.ts';
import type { Cell } from './cells.ts';
import { joinedMatrix } from './joined/matrix.ts';
import { playJoined } from './joined/play.ts';
import { joinedScheduleOf } from './joined/schedule.ts';
import { matchedMatrix } from './matched/matrix.ts';
import { playMatched } from './matched/play.ts';
import { matchedScheduleOf } from './matched/schedule.ts';
import type { PlayedSchedule } from './played.ts';
import { remadeMatrix } from './remade/matrix.ts';
import { playRemade } from './remade/play.ts';
import { remadeScheduleOf } from './remade/schedule.ts';
import { sinksMatrix } from './sinks/matrix.ts';
import { playSinks } from './sinks/play.ts';
import { sinksScheduleOf } from './sinks/schedule.ts';
import { tablesMatrix } from './tables/matrix.ts';
import { playTables } from './tables/play.ts';
import { tablesScheduleOf } from './tables/schedule.ts';
import type { Matrix, Tally } from './tally.ts';

/** A kind of schedules of tables, or of what is not in the chain. */
interface Kind {
  readonly what: string;
  readonly matrix: Matrix;
  /** Returns the schedule of a seed; with `faults`, that one with these faults and no others. */
  scheduleOf(seed: number, faults?: readonly FaultRule[]): Playable;
}

interface Playable {
  readonly actions: readonly { readonly what: string }[];
  readonly faults: readonly FaultRule[];
  play(): Promise<{ readonly violations: readonly string[]; readonly run: Seen }>;
}

/** What is read of a run after its schedule. */
type Seen = Pick<PipelineRun<Record<string, never>>, 'faults' | 'calls' | 'story'>;

interface AnySchedule extends Pick<Playable, 'actions' | 'faults'> {
  readonly chance: { readonly most: number; readonly probability: number };
}

function kindOf<S extends AnySchedule>(
  what: string,
  matrix: Matrix,
  { make, play }: { make(seed: number): S; play(schedule: S): ReturnType<Playable['play']> },
): Kind {
  return {
    what,
    matrix,
    scheduleOf(seed, faults) {
      const made = make(seed);
      const schedule = faults === undefined ? made : { ...made, faults, chance: { most: 0, probability: 0 } };
      return { actions: schedule.actions, faults: schedule.faults, play: () => play(schedule) };
    },
  };
}

/** The kinds of schedules. Consecutive seeds play them in turns. */
const KINDS: readonly Kind[] = [
  kindOf('tables', tablesMatrix, { make: tablesScheduleOf, play: playTables }),
  kindOf('windows and joins', joinedMatrix, { make: joinedScheduleOf, play: playJoined }),
  kindOf('joins by a foreign key and by times', matchedMatrix, { make: matchedScheduleOf, play: playMatched }),
  kindOf('a pulled source and a rebuilt table', remadeMatrix, { make: remadeScheduleOf, play: playRemade }),
  kindOf('sinks that are not in the chain', sinksMatrix, { make: sinksScheduleOf, play: playSinks }),
];

/** What all schedules of tables together have to contain. */
export const matrixOfTables: Matrix = {
  cells: KINDS.flatMap(({ matrix }) => matrix.cells),
  sites: KINDS.flatMap(({ matrix }) => matrix.sites),
  disturbances: KINDS.flatMap(({ matrix }) => matrix.disturbances),
  isOpen: true,
};

/** Finds a seed's kind and its schedule. */
function scheduleOf(seed: number): { readonly kind: Kind; readonly schedule: Playable } {
  if (seed >= SWEEP) return sweepSchedule(seed);
  const kind = KINDS[seed % KINDS.length] as Kind;
  return { kind, schedule: kind.scheduleOf(Math.floor(seed / KINDS.length)) };
}

/** Seeds from here on aim at one cell each. */
const SWEEP = 1_000_000;
const SWEEP_TRIES = 24;

/** The last digits of the seed say which cell, and which try it is: later tries let some calls succeed first. */
function sweepSchedule(seed: number): ReturnType<typeof scheduleOf> {
  const [index, attempt] = [Math.floor((seed - SWEEP) / SWEEP_TRIES), (seed - SWEEP) % SWEEP_TRIES];
  const cell = matrixOfTables.cells[index] as Cell & { readonly kind: FaultKind };
  const kind = KINDS.find(({ matrix }) => matrix.cells.includes(cell)) as Kind;
  const { site, kind: fault } = cell;
  return { kind, schedule: kind.scheduleOf(seed, [{ site, kind: fault, after: attempt >> 2, times: 1 }]) };
}

/** Plays the schedule of a seed and reports on it. */
export async function playedOfTables(seed: number): Promise<PlayedSchedule> {
  const { schedule } = scheduleOf(seed);
  const { run, violations } = await schedule.play();
  return {
    seed,
    violations,
    faults: run.faults().map(({ site, kind }) => ({ site, kind })),
    actions: schedule.actions.filter(isDisturbance),
    sites: [...run.calls().keys()],
  };
}

function isDisturbance(action: { readonly what: string }): action is Action & { readonly what: 'kill' } {
  return ['kill', 'recut', 'pause', 'down'].includes(action.what);
}

/** Describes a schedule that broke a promise: what is wrong, what was done, and what happened. */
export async function explainedOfTables(seed: number): Promise<string> {
  const { kind, schedule } = scheduleOf(seed);
  const { violations, run } = await schedule.play();
  const { actions, faults } = schedule;
  return [
    `schedule ${seed} of ${kind.what} broke a promise:`,
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
