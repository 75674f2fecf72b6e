import { expect, test } from 'vitest';
import { caughtInWithin, withinMistakes } from './within-mistakes.ts';

test.each(Object.keys(withinMistakes))('the schedules catch the mistake %s', async (mistake) => {
  expect(await caughtInWithin(mistake, 20)).toBeDefined();
});
