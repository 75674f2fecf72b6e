import { expect, test } from 'vitest';
import { z } from 'zod';
import { sqlTable } from '../../functions/runtime/sql/sql-table.ts';
import { sameText } from '../../functions/runtime/sql/text/text.ts';
import { timestamptzFromText, timestamptzText } from '../../functions/runtime/sql/time/timestamps.ts';
import { salesByQuarter } from '../../functions/tables/sales-by-quarter.sql.ts';
import { completedSales } from '../../functions/transforms/completed-sales.sql.ts';
import { definePipeline, minutes } from '../../infra/pipelines/pipeline.ts';
import { planFor } from '../../infra/sql/compile.ts';
import { groupedStatementOf } from '../../infra/sql/emit/statement-of.ts';
import { givenPipeline } from '../kit/given.ts';
import { event } from '../kit/given-events.ts';
import { inAnyOrder } from '../kit/in-any-order.ts';

const START = '2026-01-01T00:00:00Z';
const at = (minute: number): string => new Date(Date.parse(START) + minute * 60_000).toISOString();
const shown = (minute: number): string => at(minute).replace('.000Z', '+00:00');

const quarters = definePipeline({
  name: 'shop',
  streams: { sales: { schema: completedSales.to, shards: 2 }, closed: { schema: salesByQuarter.row } },
  tables: { sales_by_quarter: { from: 'sales', keep: salesByQuarter, changes: 'closed' } },
});

const line = (minute: number, region: string, sales: number) =>
  event({
    type: 'sale.made',
    key: region,
    time: at(minute),
    data: { row_id: minute, region, category: 'Paper', sales, profit: 1, order_id: 'o', customer_id: 'c', quantity: 1 },
  });

test('a windowed table in SQL gives each quarter of an hour once, when it has closed, and exact sums', async () => {
  const run = await givenPipeline(quarters, { start: START });
  await run.given('sales', [line(0, 'West', 0.1), line(0, 'West', 0.2), line(1, 'East', 4)]);
  expect(run.table('sales_by_quarter')).toEqual([]);
  await run.when.pass(minutes(21));
  await run.given('sales', [line(14, 'West', 100), line(16, 'West', 5)]);
  await run.settled();
  const first = { window_start: shown(0), window_end: shown(15) };
  expect(inAnyOrder(run.table('sales_by_quarter'))).toEqual(
    inAnyOrder([
      { region: 'West', ...first, lines: 2, sales: 0.3 },
      { region: 'East', ...first, lines: 1, sales: 4 },
    ]),
  );
  expect(run.deadLetters('sales_by_quarter')).toMatchObject([{ reason: 'late' }]);
  expect(
    run
      .stream('closed')
      .events()
      .map(({ type }) => type),
  ).toEqual(['sales_by_quarter.inserted', 'sales_by_quarter.inserted']);
});

const Rating = z.object({ film: z.string(), stars: z.int32() });

/** The table of a statement, compiled in this process. */
async function pipelineOf(window: string) {
  const text = `CREATE TABLE stars AS SELECT film, window_start AS began, window_end AS ended, sum(stars) AS stars,
    string_agg(stars::text, '+') AS list FROM ratings WINDOW ${window} GROUP BY film`;
  const plan = await planFor({ file: 'stars.sql', text }, Rating, { makes: 'table' });
  const stars = sqlTable({
    ...groupedStatementOf(plan),
    entry: import.meta.url,
    file: 'stars.sql',
    streams: { from: 'ratings' },
    from: Rating,
    row: z.object({
      film: z.string(),
      began: z.iso.datetime(),
      ended: z.iso.datetime(),
      stars: z.number().nullable().meta({ sql: 'bigint' }),
      list: z.string().nullable(),
    }),
    key: ['film', 'began'],
    shape: 'of a test',
    isGrowing: true,
    keyColumns: [
      [sameText, sameText],
      [timestamptzText, timestamptzFromText],
      [timestamptzText, timestamptzFromText],
    ],
  });
  return definePipeline({
    name: 'films',
    streams: { ratings: { schema: Rating } },
    tables: { stars: { from: 'ratings', keep: stars } },
  });
}

const rating = (minute: number, stars: number) =>
  event({ type: 'film.rated', key: 'alien', time: at(minute), data: { film: 'alien', stars } });

const row = ([from, to]: readonly [number, number], stars: number, list: string) => ({
  film: 'alien',
  began: shown(from),
  ended: shown(to),
  stars,
  list,
});

test('an event counts in each hopping window of a table in SQL, under the names that the SELECT list gives', async () => {
  const run = await givenPipeline(await pipelineOf('HOPPING (SIZE 20 MINUTES, ADVANCE BY 10 MINUTES)'), {
    start: at(30),
  });
  await run.given('ratings', [rating(12, 1), rating(21, 2)]);
  await run.settled();
  expect(inAnyOrder(run.table('stars'))).toEqual(
    inAnyOrder([row([0, 20], 1, '1'), row([10, 30], 3, '1+2'), row([20, 40], 2, '2')]),
  );
});

test('an event between two sessions of a table in SQL makes one of them, whose aggregates are merged', async () => {
  const run = await givenPipeline(await pipelineOf('SESSION (10 MINUTES)'), { start: at(40) });
  for (const [minute, stars] of [
    [5, 1],
    [25, 2],
    [15, 3],
    [36, 4],
  ] as const) {
    await run.given('ratings', [rating(minute, stars)]);
    await run.settled();
  }
  expect(inAnyOrder(run.table('stars'))).toEqual(inAnyOrder([row([5, 25], 6, '1+2+3'), row([36, 36], 4, '4')]));
});

test('a row of a table in SQL is rejected, and its other windows stay as they were, when one of them cannot take it', async () => {
  const run = await givenPipeline(await pipelineOf('HOPPING (SIZE 20 MINUTES, ADVANCE BY 10 MINUTES)'), {
    start: at(30),
  });
  await run.given('ratings', [
    rating(12, 1),
    event({ type: 'film.rated', key: 'alien', time: '1700-01-01T00:00:00Z', data: { film: 'alien', stars: 5 } }),
  ]);
  await run.settled();
  expect(run.table('stars')).toHaveLength(2);
  expect(run.deadLetters('stars')).toHaveLength(1);
});

test('an event of the year 9999 is a dead letter of a windowed table in SQL, with the reason future, and closes no window', async () => {
  const run = await givenPipeline(quarters, { start: START });
  const far = line(0, 'West', 5);
  await run.given('sales', [line(0, 'West', 1), event({ ...far, time: '9999-12-31T23:59:59Z' }), line(1, 'West', 2)]);
  await run.when.pass(minutes(21));
  await run.settled();
  expect(run.deadLetters('sales_by_quarter').map(({ reason }) => reason)).toEqual(['future']);
  expect(run.table('sales_by_quarter')).toEqual([
    { region: 'West', window_start: shown(0), window_end: shown(15), lines: 2, sales: 3 },
  ]);
});
