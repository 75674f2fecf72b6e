import { setTimeout as delay } from 'node:timers/promises';
import { missingRight } from '../operation/missing-right.ts';
import type { LiveRates } from './answers.ts';
import type { ConsoleSource } from './source.ts';

/** Reads the rates of all steps again and again, until the signal aborts, and calls `tell` when they change. */
export async function followRates(
  { rates, find }: Pick<ConsoleSource, 'rates' | 'find'>,
  tell: (rates: LiveRates) => void,
  signal: AbortSignal,
): Promise<void> {
  if (rates === undefined) return;
  let told = '';
  while (!signal.aborted) {
    const steps = find.plans().flatMap((plan) => plan.steps);
    const found = await rates.read(steps, signal).catch((error: Error): LiveRates => {
      const why = missingRight(error) ?? `${error.name}: ${error.message}`;
      return { steps: [], overSeconds: 0, why };
    });
    if (signal.aborted) return;
    if (JSON.stringify(found) !== told) tell(found);
    told = JSON.stringify(found);
    await delay(rates.everyMillis, undefined, { signal }).catch(() => undefined);
  }
}
