import { expect, test } from 'vitest';
import { caughtInForeignJoins, foreignMistakes } from './foreign-mistakes.ts';

test.each(Object.keys(foreignMistakes))('the schedules catch the mistake %s', async (mistake) => {
  expect(await caughtInForeignJoins(mistake, 12)).toBeDefined();
});
