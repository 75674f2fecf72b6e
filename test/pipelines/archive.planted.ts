import { expect, test } from 'vitest';
import { archiveMistakes, caughtInArchives } from './archive-mistakes.ts';

test.each(Object.keys(archiveMistakes))('the schedules catch the mistake %s', async (mistake) => {
  expect(await caughtInArchives(mistake, 8)).toBeDefined();
});
