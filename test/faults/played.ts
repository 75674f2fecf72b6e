import type { Action } from './action.ts';
import { play } from './play.ts';
import type { Schedule } from './schedule.ts';

/** A report on one schedule, as plain data that a thread can send. */
export interface PlayedSchedule {
  readonly seed: number;
  readonly violations: readonly string[];
  readonly faults: readonly { readonly site: string; readonly kind: string }[];
  readonly actions: readonly Action[];
  /** Every call site that was reached. */
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
    actions: schedule.actions,
    sites: [...run.calls().keys()],
  };
}
