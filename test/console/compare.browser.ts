import pg from 'pg';
import type { Browser } from 'puppeteer-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { z } from 'zod';
import { postgresSink } from '../../functions/sinks/postgres/postgres.ts';
import { s3Sink } from '../../functions/sinks/s3/s3.ts';
import { httpSource } from '../../functions/sources/http/http.ts';
import { everythingDone } from '../../infra/local/everything-done.ts';
import { definePipeline, minutes } from '../../infra/pipelines/pipeline.ts';
import { violationsInLooks } from './accessibility.ts';
import { click, type OpenPage, openPage, shows, startBrowser, textOf } from './browser.ts';
import { type Stage, startStage } from './stage.ts';

const Sale = z.object({ id: z.int(), item: z.string(), total: z.number() });
const side = definePipeline({
  name: 'side',
  streams: { sales: { schema: Sale } },
  sources: { till: { read: httpSource({ schema: Sale, type: 'sale.made', key: 'id' }), to: 'sales' } },
  sinks: {
    table: { from: 'sales', write: postgresSink({ table: 'sales', key: ['id'], create: true }) },
    lake: { from: 'sales', write: s3Sink({ prefix: 'sales' }), every: minutes(30) },
  },
});

const HOSTILE = '<img src=x onerror=alert(1)>\u202e';
const running = new AsyncDisposableStack();
const stop = new AbortController();
let stage: Stage;
let browser: Browser;
let open: OpenPage;

beforeAll(async () => {
  browser = await startBrowser(running);
  stage = await startStage(running, stop.signal, [side]);
  const { local } = stage;
  const sold = [1, 2, 3, 4, 5].map((id) => ({ id, item: id === 4 ? HOSTILE : 'tea', total: id + 0.5 }));
  const headers = { 'content-type': 'application/json' };
  const till = local.runner.urls.get('side/till') ?? '';
  expect((await fetch(till, { method: 'POST', headers, body: JSON.stringify(sold) })).status).toBe(202);
  await everythingDone(local, stop.signal);
  const { name, ...server } = local.stage.resources.database;
  const client = new pg.Client({ ...server, database: name });
  await client.connect();
  await client.query("DELETE FROM sales WHERE id = 2; UPDATE sales SET item = 'lost', total = 0 WHERE id = 4");
  await client.end();
});
afterAll(async () => {
  stop.abort();
  await running.disposeAsync();
});
beforeEach(async () => {
  open = await openPage(browser, stage.url);
});
afterEach(async () => {
  const { page, faults } = open;
  await page.close();
  expect(faults).toEqual([]);
});

test('finds the rows in which two sinks differ, and the event of one', async () => {
  const { page } = open;
  await click(page, 'Compare');
  await click(page, 'table and lake');
  await shows(page, '2 differences: 1 only in lake, 1 with other values.');
  const text = await textOf(page);
  expect(text).toContain('3 rows are the same.');
  expect(text).toMatch(/files written\s+–\s+1 \(\$0\.000005\)/);
  expect(text).toContain('npx millrace compare side table lake');
  await click(page, 'sale.made  key 2');
  await shows(page, 'read by');
  expect(new URL(page.url()).pathname).toBe('/streams/side/sales');
  expect(new URL(page.url()).searchParams.get('key')).toBe('2');
});

test('compares again when somebody asks, and never takes a value for HTML', async () => {
  const { page, visit } = open;
  await visit('/compare/side/lake/table');
  await shows(page, '2 differences');
  await shows(page, '<img src=x onerror=alert(1)>');
  await shows(page, '\\u202e');
  expect(await page.$$eval('main img', (found) => found.length)).toBe(0);
  await click(page, 'compare again');
  await page.waitForSelector('main .waiting');
  await shows(page, '2 differences');
});

test('says why two sinks cannot be compared', async () => {
  const { page, visit } = open;
  await visit('/compare/side/table/table');
  await shows(page, "'table' is both sinks: name two");
  await visit('/compare/side/table/till');
  await shows(page, "'till' is a source: compare reads what two sinks have stored");
});

test.each([
  ['comparable', '/compare', 'table and lake'],
  ['compare', '/compare/side/table/lake', '2 differences'],
])('page %s has no violation of axe, light or dark, wide or narrow', async (name, path, text) => {
  const { page, visit } = open;
  await visit(path);
  await shows(page, text);
  expect(await violationsInLooks(page, name)).toEqual([]);
});
