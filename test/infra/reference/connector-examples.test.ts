import { expect, test } from 'vitest';
import { minutes } from '../../../infra/pipelines/pipeline.ts';
import {
  accountCopy,
  customerCopy,
  priceItems,
  priceLists,
  priceSearch,
  priceTables,
  saleNotices,
  salesLake,
  salesTables,
  tills,
  visits,
} from '../../../infra/reference/connector-examples.ts';
import { givenPipeline } from '../../kit/given.ts';
import { event } from '../../kit/given-events.ts';
import { inAnyOrder } from '../../kit/in-any-order.ts';

const sales = [
  { shop: 'north', sold_at: '2026-01-02T10:00:00Z', total: 12.5 },
  { shop: 'south', sold_at: '2026-01-02T11:00:00Z', total: 3 },
];
const prices = [
  { sku: 'a', valid_from: '2026-01-01', price: 1.5 },
  { sku: 'a', valid_from: '2026-02-01', price: 1.75 },
];

test('httpSource: sales that a till sends are in the stream, with key and time from their fields', async () => {
  const run = await givenPipeline(tills);
  expect(await run.posted('registers', sales)).toEqual({ status: 202, body: { accepted: 2 } });
  await run.settled();
  expect(inAnyOrder(run.stream('sales').data())).toEqual(inAnyOrder(sales));
  expect(
    inAnyOrder(
      run
        .stream('sales')
        .events()
        .map(({ key, time }) => ({ key, time })),
    ),
  ).toEqual(inAnyOrder(sales.map(({ shop, sold_at }) => ({ key: shop, time: sold_at }))));
});

test('generatorSource: visits are in the stream, at their rate, with key and time from their fields', async () => {
  const run = await givenPipeline(visits);
  await run.when.pass(minutes(1) + 2_000);
  const events = run.stream('visits').events();
  expect(events.length).toBeGreaterThan(50);
  expect(events.length).toBeLessThanOrEqual(50 * 62);
  const [first] = events.map(({ type, key, time, data }) => ({ type, key, time, ...(data as { seen: string }) }));
  expect(first).toMatchObject({ type: 'page.visited', visitor: first?.key, seen: first?.time });
});

test('postgresChangesSource: what the source has of a table is in a mirror of it', async () => {
  const run = await givenPipeline(accountCopy);
  const change = (what: string, data: object) => event({ type: `accounts.${what}`, key: '7', data });
  await run.given('accounts', [
    change('inserted', { id: 7, name: 'Ann', since: null }),
    change('updated', { id: 7, name: 'Anna', since: '2026-01-31T12:00:00Z' }),
    change('inserted', { id: 8, name: 'Bo', since: null }),
    change('deleted', { id: 8 }),
  ]);
  await run.settled();
  expect(run.table('accounts')).toEqual([{ id: 7, name: 'Anna', since: '2026-01-31T12:00:00+00:00' }]);
});

test('s3FilesSource: the rows of a file are in the stream', async () => {
  const run = await givenPipeline(priceLists);
  await run.dropped('prices/2026.csv', 'sku,valid_from,price\na,2026-01-01,1.5\na,2026-02-01,1.75\n');
  await run.settled();
  expect(run.stream('prices').data()).toEqual(prices);
});

test('s3Sink: the lake holds each sale in the partition of its hour and shop, and as a row of Parquet', async () => {
  const run = await givenPipeline(salesLake, { beside: [tills] });
  await run.given('sales', sales, { key: 'shop' });
  await run.settled();
  expect(inAnyOrder(run.bucket('lake').rows('sales/'))).toEqual(inAnyOrder(sales));
  const asked = await run.bucket('lake').ask('SELECT shop, total, event_type AS type FROM $files', 'sales-table/');
  const types = run.stream('sales').events();
  expect(inAnyOrder(asked)).toEqual(
    inAnyOrder(sales.map(({ shop, total }) => ({ shop, total, type: types[0]?.type }))),
  );
  const [key] = run
    .bucket('lake')
    .keys()
    .filter((one) => one.startsWith('sales/'));
  expect(key).toMatch(/^sales\/year=\d{4}\/month=\d\d\/day=\d\d\/hour=\d\d\/shop=(north|south)\/.+\.ndjson\.zst$/);
});

test('postgresSink: one table holds the latest price, the other one every price', async () => {
  const run = await givenPipeline(priceTables, { beside: [priceLists] });
  await run.given('prices', prices, { key: 'sku' });
  await run.settled();
  expect(run.table('prices')).toEqual(prices.slice(1));
  expect(run.table('price_history')).toEqual(prices);
});

test("postgresSink: a mirror follows another table's changes, deletions too", async () => {
  const run = await givenPipeline(customerCopy);
  const change = (what: string, data: { id: string; name: string }) =>
    event({ type: `customer.${what}`, key: data.id, data });
  await run.given('customer_changes', [
    change('inserted', { id: 'a', name: 'Ann' }),
    change('inserted', { id: 'b', name: 'Bo' }),
    change('updated', { id: 'a', name: 'Anna' }),
    change('deleted', { id: 'b', name: 'Bo' }),
  ]);
  await run.settled();
  expect(run.table('customers')).toEqual([{ id: 'a', name: 'Anna' }]);
});

test('icebergSink: each sale is a row of the tables, in the columns of the stream', async () => {
  const run = await givenPipeline(salesTables, { beside: [tills] });
  await run.given('sales', sales, { key: 'shop' });
  await run.settled();
  const { rows, properties } = await run.iceberg('all');
  const asGiven = rows.map(({ shop, total, sold_at }) => ({ shop, sold_at, total }));
  const inTable = sales.map((sale) => ({ ...sale, sold_at: sale.sold_at.replace('T', ' ').replace('Z', '+00') }));
  expect(inAnyOrder(asGiven)).toEqual(inAnyOrder(inTable));
  expect(new Set(rows.map(({ event_key }) => event_key))).toEqual(new Set(['north', 'south']));
  const position = /^millrace\.position\.test\.sales-tables\.all\..+shardId-/;
  expect(Object.keys(properties).filter((name) => position.test(name)).length).toBeGreaterThan(0);
  for (const step of ['reports', 'others'])
    expect(
      inAnyOrder((await run.iceberg(step)).rows.map(({ shop, total, sold_at }) => ({ shop, sold_at, total }))),
    ).toEqual(inAnyOrder(inTable));
});

test('webhookSink and slackSink: each sale is posted, and written into the channel', async () => {
  const run = await givenPipeline(saleNotices, { beside: [tills] });
  await run.given('sales', sales, { key: 'shop' });
  await run.settled();
  const bodiesOf = (step: string) => run.requests(step).map(({ body }) => JSON.parse(body) as unknown);
  expect(inAnyOrder(bodiesOf('bookkeeping'))).toEqual(inAnyOrder(sales));
  expect(run.requests('bookkeeping')[0]?.headers).toMatchObject({ tenant: 'north', 'ce-source': '/given' });
  expect(inAnyOrder(bodiesOf('channel'))).toEqual(
    inAnyOrder([{ text: 'A sale in north: *12.5 €*' }, { text: 'A sale in south: *3 €*' }]),
  );
});

test('dynamoDbSink: one table holds the latest price, the other one every price', async () => {
  const run = await givenPipeline(priceItems, { beside: [priceLists] });
  await run.given('prices', prices, { key: 'sku' });
  await run.settled();
  const itemsOf = (table: string) => run.items(table).filter(({ owner }) => owner === undefined);
  expect(itemsOf('prices')).toMatchObject([{ id: { S: 'a' }, price: { N: '1.75' } }]);
  expect(itemsOf('price_history')).toHaveLength(2);
});

test('openSearchSink: one index holds the latest price, the other one every price', async () => {
  const run = await givenPipeline(priceSearch, { beside: [priceLists] });
  await run.given('prices', prices, { key: 'sku' });
  await run.settled();
  expect(JSON.parse(run.documents('prices').get('a')?.source ?? '')).toEqual(prices[1]);
  const history = [...run.documents('price_history').values()].map(({ source }) => JSON.parse(source) as object);
  expect(history.filter((one) => !('millrace_owner' in one))).toEqual(prices);
});
