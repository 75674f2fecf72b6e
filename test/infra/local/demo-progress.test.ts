import { expect, test } from 'vitest';
import { progressLine } from '../../../infra/local/demo/progress.ts';

test("the demo's progress has one name for each column: a step's own, or with its pipeline where two have it", () => {
  const steps = [
    { pipeline: 'orders', name: 'lake' },
    { pipeline: 'orders', name: 'cleaning' },
    { pipeline: 'sensors', name: 'lake' },
  ];
  const of = (step: string) => ({ eventsIn: 0, eventsOut: step.length * 1_000, rejected: 0, alreadySeen: 0 });
  expect(progressLine(steps, { of })).toBe('orders/lake 11,000 · cleaning 15,000 · sensors/lake 12,000');
});
