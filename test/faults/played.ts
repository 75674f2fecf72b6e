import { play } from './play.ts';
import { type Happening, type Schedule, scheduleOf, sweepSeeds } from './schedule.ts';
import type { Tally } from './tally.ts';

/** What is told about a schedule that was played: plain data, as threads pass it on. */
export interface PlayedSchedule {
  readonly seed: number;
  readonly violations: readonly string[];
  readonly faults: readonly { readonly site: string; readonly kind: string }[];
  readonly happenings: readonly Happening[];
  /** Every site that was called. */
  readonly sites: readonly string[];
}

export async function playedSchedule(schedule: Schedule): Promise<PlayedSchedule> {
  const { run, violations } = await play(schedule);
  const reshardings = run
    .reshardings()
    .flatMap(({ site, how }) => (site === undefined ? [] : [{ site, kind: how as string }]));
  return {
    seed: schedule.seed,
    violations,
    faults: [...run.faults().map(({ site, kind }) => ({ site, kind: kind as string })), ...reshardings],
    happenings: schedule.happenings,
    sites: [...run.calls().keys()],
  };
}

/** Plays schedules that are aimed at the cells which others have missed, and adds them to the tally: those that broke a promise. */
export async function swept(tally: Tally): Promise<readonly PlayedSchedule[]> {
  const broken: PlayedSchedule[] = [];
  for (const cell of tally.missed()) {
    for (const seed of sweepSeeds(cell)) {
      if (!tally.missed().includes(cell)) break;
      const played = await playedSchedule(scheduleOf(seed));
      tally.add(played);
      if (played.violations.length > 0) broken.push(played);
    }
  }
  return broken;
}
