import { expect, test } from 'vitest';
import { caughtInRebuilds, rebuildMistakes } from './rebuild-mistakes.ts';

test.each(Object.keys(rebuildMistakes))('the schedules catch the mistake %s', async (mistake) => {
  expect(await caughtInRebuilds(mistake, 8)).toBeDefined();
});
