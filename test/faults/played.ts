import type { Happening } from './happening.ts';
import { play } from './play.ts';
import type { Schedule } from './schedule.ts';

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
