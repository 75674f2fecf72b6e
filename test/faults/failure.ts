import { play } from './play.ts';
import type { Schedule } from './schedule.ts';
import { shrunk } from './shrink.ts';

/**
 * A schedule that broke a promise, as small as it could be made: what is wrong, what happened, and how to play it
 * again.
 */
export async function explained(failing: Schedule): Promise<string> {
  const schedule = await shrunk(failing);
  const { violations, run } = await play(schedule);
  return [
    `schedule ${failing.seed} broke a promise:`,
    ...violations.slice(0, MOST_VIOLATIONS).map((violation) => `  ${violation}`),
    ...(violations.length > MOST_VIOLATIONS ? [`  and ${violations.length - MOST_VIOLATIONS} more`] : []),
    'what is left of it when all that does not matter is left out:',
    ...schedule.happenings.map((happening) => `  ${JSON.stringify(happening)}`),
    ...schedule.faults.map((fault) => `  ${JSON.stringify(fault)}`),
    ...schedule.reshardings.map((resharding) => `  ${JSON.stringify(resharding)}`),
    'what happened:',
    ...run.story().map((line) => `  ${line}`),
    `to play the whole of it: npm run test:faults -- --seed ${failing.seed} --schedules 1`,
  ].join('\n');
}

const MOST_VIOLATIONS = 12;
