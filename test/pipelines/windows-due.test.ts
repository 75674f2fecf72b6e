import { expect, test } from 'vitest';
import { z } from 'zod';
import { defineTable } from '../../functions/runtime/table.ts';
import { tumbling } from '../../functions/runtime/windows.ts';
import { definePipeline, minutes } from '../../infra/pipelines/pipeline.ts';
import { givenPipeline } from '../kit/given.ts';
import { event } from '../kit/given-events.ts';

const Value = z.object({ id: z.string(), n: z.int32() });

const sums = defineTable({
  entry: import.meta.url,
  from: Value,
  row: Value,
  key: ['id'],
  window: tumbling({ size: minutes(15), grace: 5.5 * minutes(1), emit: 'final' }),
  reduce: (row, { data: { id, n } }) => ({ id, n: (row?.n ?? 0) + n }),
});

const pipeline = definePipeline({
  name: 'due',
  streams: { raw: { schema: Value }, closed: { schema: z.unknown() } },
  tables: { sums: { from: 'raw', keep: sums, changes: 'closed' } },
});

const at = (time: string, id: string) => event({ type: 'value.came', key: id, time, data: { id, n: 1 } });

test('windows that an event makes due all close with it, however many pages they fill, and not with the next tick', async () => {
  // Pages of the kit are small where its records are: about two changes.
  const run = await givenPipeline(pipeline, { start: '2026-01-01T12:00:00Z', recordBytes: 2_000 });
  const ids = Array.from({ length: 12 }, (_, index) => `k${index}`);
  await run.given(
    'raw',
    ids.map((id) => at('2026-01-01T12:00:00Z', id)),
  );
  await run.when.pass(minutes(20) + 35_000);
  expect(run.stream('closed').events()).toEqual([]);
  await run.given('raw', [at('2026-01-01T12:20:31Z', 'late')]);
  await run.when.pass(15_000);
  expect(
    run
      .stream('closed')
      .events()
      .map(({ data }) => (data as { id: string }).id)
      .toSorted(),
  ).toEqual(ids.toSorted());
});
