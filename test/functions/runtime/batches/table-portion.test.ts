import { expect, test } from 'vitest';
import { openTablePortion } from '../../../../functions/runtime/batches/table-portion.ts';
import { MOST_PAGE_BYTES } from '../../../../functions/runtime/sink.ts';

test('a portion of a table has as many events as fill most of a page of its changes, by what the last one published', () => {
  const { bounds, note } = openTablePortion();
  expect(bounds.events).toBe(100_000);
  note({ events: 100_000, pageBytes: 2 * MOST_PAGE_BYTES });
  expect(bounds.events).toBe(45_000);
  note({ events: 45_000, pageBytes: MOST_PAGE_BYTES / 2 });
  expect(bounds.events).toBe(81_000);
  note({ events: 10, pageBytes: MOST_PAGE_BYTES });
  expect(bounds.events).toBe(1_000);
  note({ events: 1_000, pageBytes: 0 });
  expect(bounds.events).toBe(100_000);
});
