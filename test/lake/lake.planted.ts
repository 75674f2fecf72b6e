import { expect, test } from 'vitest';
import { caughtInLake } from './caught.ts';
import { mistakesInLake } from './mistakes.ts';

test.each(Object.keys(mistakesInLake))('the schedules of the lake catch the mistake %s', async (mistake) => {
  expect(await caughtInLake({ mistake, most: 100 })).toBeDefined();
});
