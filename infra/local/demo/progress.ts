import type { StepPlan } from '../../pipelines/plan.ts';
import type { CountsOfSteps } from '../counts.ts';
import { nameOf } from '../runner.ts';
import type { Local } from '../start.ts';

/** In a log file, a line every few seconds is enough. */
const EVERY_MILLIS = process.stdout.isTTY ? 500 : 3_000;

/**
 * Shows how many events each step has processed: on a terminal in one line that changes, elsewhere in a line every few
 * seconds. `end` stops it.
 */
export function showProgress({ runner, counts }: Local, print: (text: string) => void): { end(): void } {
  const line = (): string => progressLine(runner.steps, counts);
  let shown = '';
  const timer = setInterval(() => {
    const now = line();
    if (process.stdout.isTTY) process.stdout.write(`\r\u001b[K${now.slice(0, process.stdout.columns - 1)}`);
    else if (now !== shown) print(`  ${now}`);
    shown = now;
  }, EVERY_MILLIS);
  return {
    end: () => {
      clearInterval(timer);
      if (process.stdout.isTTY) process.stdout.write('\r\u001b[K');
    },
  };
}

/** Writes how many events each step has processed. A name that several pipelines use is written with its pipeline. */
export function progressLine(
  steps: readonly Pick<StepPlan, 'pipeline' | 'name'>[],
  counts: Pick<CountsOfSteps, 'of'>,
): string {
  const columns = steps.map((step) => {
    const isOnlyOne = steps.filter(({ name }) => name === step.name).length === 1;
    const { eventsOut } = counts.of(nameOf(step));
    return `${isOnlyOne ? step.name : nameOf(step)} ${eventsOut.toLocaleString('en-US')}`;
  });
  return columns.join(' · ');
}
