import { nameOf } from '../runner.ts';
import type { Local } from '../start.ts';

/** Where nobody watches, a line now and then is enough. */
const EVERY_MILLIS = process.stdout.isTTY ? 500 : 3_000;

/**
 * Shows how many events each step has done: on a terminal as one line that changes, elsewhere as a line every few
 * seconds.
 */
export function showProgress({ runner, counts }: Local, say: (text: string) => void): { end(): void } {
  const line = (): string =>
    runner.steps.map((step) => `${step.name} ${counts.of(nameOf(step)).eventsOut.toLocaleString('en-US')}`).join(' · ');
  let shown = '';
  const timer = setInterval(() => {
    const now = line();
    if (process.stdout.isTTY) process.stdout.write(`\r\u001b[K${now.slice(0, process.stdout.columns - 1)}`);
    else if (now !== shown) say(`  ${now}`);
    shown = now;
  }, EVERY_MILLIS);
  return {
    end: () => {
      clearInterval(timer);
      if (process.stdout.isTTY) process.stdout.write('\r\u001b[K');
    },
  };
}
