import { expect, test } from 'vitest';
import { countSteps } from '../../../infra/local/counts.ts';
import { localRates } from '../../../infra/local/local-rates.ts';
import type { StepPlan } from '../../../infra/pipelines/plan.ts';
import { noDeadline } from '../../eventually.ts';

const step = { pipeline: 'p', name: 's' } as StepPlan;

test('the rates of a dev are averages of the last 20 s at most, and are not known at first', async () => {
  const counts = countSteps();
  let nowMillis = 1_000;
  const { read } = localRates(counts, () => nowMillis);
  const work = (eventsIn: number, eventsOut: number): void => {
    const line = { _aws: {}, pipeline: 'p', step: 's', eventsIn, eventsOut, rejected: 0, alreadySeen: 0 };
    expect(counts.take(JSON.stringify(line))).toBe(true);
  };
  const rate = async () => (await read([step], noDeadline())).steps[0];
  work(1_000, 1_000);
  expect(await rate()).toBeUndefined();
  work(40, 20);
  nowMillis += 10_000;
  expect(await rate()).toEqual({ pipeline: 'p', step: 's', eventsIn: 4, eventsOut: 2 });
  nowMillis += 10_000;
  expect(await rate()).toMatchObject({ eventsIn: 2, eventsOut: 1 });
  nowMillis += 10_000;
  expect(await rate()).toMatchObject({ eventsIn: 0, eventsOut: 0 });
  // Nobody has looked for a while: what came meanwhile says nothing about now.
  work(5_000, 5_000);
  nowMillis += 60_000;
  expect(await rate()).toBeUndefined();
});
