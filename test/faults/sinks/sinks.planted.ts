import { expect, test } from 'vitest';
import { caughtInSinks } from './caught.ts';

test.each(['webhook-in-no-order', 'numbered-from-no-parent'])('the oracle catches the mistake %s', async (mistake) => {
  expect(await caughtInSinks({ mistake, most: 6 })).toBeDefined();
});
