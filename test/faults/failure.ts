import { play } from './play.ts';
import { isOfSeed, type Schedule } from './schedule.ts';
import { shrunk } from './shrink.ts';

/**
 * Shrinks a schedule that broke a promise, and describes it: what is wrong, what happened, and the command that plays
 * it again.
 */
export async function explained(failing: Schedule): Promise<string> {
  const schedule = await shrunk(failing);
  const { violations, run } = await play(schedule);
  return [
    `schedule ${failing.seed} broke a promise:`,
    ...violations.slice(0, MOST_VIOLATIONS).map((violation) => `  ${violation}`),
    ...(violations.length > MOST_VIOLATIONS ? [`  and ${violations.length - MOST_VIOLATIONS} more`] : []),
    'the smallest schedule found that still breaks it:',
    ...schedule.actions.map((action) => `  ${JSON.stringify(action)}`),
    ...schedule.faults.map((fault) => `  ${JSON.stringify(fault)}`),
    ...schedule.reshardings.map((resharding) => `  ${JSON.stringify(resharding)}`),
    'what happened:',
    ...run.story().map((line) => `  ${line}`),
    isOfSeed(failing)
      ? `to play the whole schedule: npm run test:faults -- --seed ${failing.seed} --schedules 1`
      : 'the whole schedule aims at cells that others missed: the same run makes it again',
  ].join('\n');
}

const MOST_VIOLATIONS = 12;
