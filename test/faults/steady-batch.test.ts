import { expect, test } from 'vitest';
import { checkpointWrites, MOST_CHECKPOINT_BYTES } from '../bench/exactly-once.ts';

test('a steady batch makes one checkpoint write, of 2 KB at most', async () => {
  const [, ...steady] = await checkpointWrites(8_000, 1);
  expect(steady.length).toBeGreaterThan(2);
  for (const writes of steady) {
    expect(writes).toHaveLength(1);
    expect(writes[0]?.length).toBeLessThanOrEqual(MOST_CHECKPOINT_BYTES);
  }
});
