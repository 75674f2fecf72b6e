import { expect, test } from 'vitest';
import { definePipeline } from '../../infra/pipelines/pipeline.ts';
import { givenPipeline } from '../kit/given.ts';
import { event } from '../kit/given-events.ts';
import { inAnyOrder } from '../kit/in-any-order.ts';
import { compiledTable } from '../tables/compiled.ts';
import { Fact } from '../tables/stream.ts';

const fact = (n: number, g: string | null = 'x') =>
  event({
    type: 'kept',
    key: 'a',
    data: {
      k: 'a',
      g,
      n,
      b: null,
      d: null,
      f: 0,
      t: null,
      at: '2026-01-01T00:00:00Z',
      ok: null,
      day: '2026-01-01',
      tags: [],
    },
  });

async function runOf(select: string) {
  const { table } = await compiledTable(`CREATE TABLE t AS ${select}`, 't');
  const pipeline = definePipeline({
    name: 'rows',
    streams: { s: { schema: Fact } },
    tables: { t: { from: 's', keep: table as never } },
  });
  return givenPipeline(pipeline);
}

test('an event that makes an aggregate overflow is a dead letter, and its group stays as it was', async () => {
  const run = await runOf('SELECT k, sum(n * 1000)::integer AS total FROM s GROUP BY k');
  await run.given('s', [fact(2_000_000), fact(1), fact(147_484), fact(2)]);
  await run.settled();
  expect(run.table('t')).toEqual([{ k: 'a', total: 2_000_003_000 }]);
  expect(run.deadLetters('t')).toMatchObject([
    { reason: 'transform', message: expect.stringContaining('integer out of range') },
  ]);
});

test('the rows whose key is null are one group, and those of an empty text are another one', async () => {
  const run = await runOf('SELECT k, g, count(*) AS events FROM s GROUP BY k, g');
  await run.given('s', [fact(1, null), fact(2, ''), fact(3, null)]);
  await run.settled();
  expect(inAnyOrder(run.table('t'))).toEqual(
    inAnyOrder([
      { k: 'a', g: null, events: 2 },
      { k: 'a', g: '', events: 1 },
    ]),
  );
  expect(run.deadLetters('t')).toEqual([]);
});
