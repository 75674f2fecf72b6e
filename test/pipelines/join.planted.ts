import { expect, test } from 'vitest';
import { caughtInJoins, joinMistakes } from './join-mistakes.ts';

test.each(Object.keys(joinMistakes))('the schedules catch the mistake %s', async (mistake) => {
  expect(await caughtInJoins(mistake, 6)).toBeDefined();
});
