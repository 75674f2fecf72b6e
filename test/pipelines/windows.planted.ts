import { expect, test } from 'vitest';
import { caughtInWindows, windowMistakes } from './windows-mistakes.ts';

test.each(Object.keys(windowMistakes))('the schedules catch the mistake %s', async (mistake) => {
  expect(await caughtInWindows(mistake, 20)).toBeDefined();
});
