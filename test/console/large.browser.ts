import type { Browser } from 'puppeteer-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { serveConsole } from '../../infra/console/open-console.ts';
import { LOOKS, type OpenPage, openPage, shows, startBrowser, takePicture } from './browser.ts';
import { generatedPipelines, generatedRoutes, graphsOf } from './generated.ts';

const WATCHED_MILLIS = 5_000;

describe('a stage of 500 steps of 50 shards, and a stream that takes 10,000 events a second', () => {
  const running = new AsyncDisposableStack();
  let browser: Browser;
  let open: OpenPage;
  beforeAll(async () => {
    browser = await startBrowser(running);
    const routes = generatedRoutes(graphsOf(generatedPipelines(25, 20)), 10_000);
    open = await openPage(browser, await serveConsole(routes, 0, running));
    await open.page.evaluateOnNewDocument(() => {
      const long: number[] = [];
      Object.assign(window, { long });
      new PerformanceObserver((list) => long.push(...list.getEntries().map(({ duration }) => duration))).observe({
        entryTypes: ['longtask'],
      });
    });
  });
  afterAll(() => running.disposeAsync());

  test('draws every step, with its state', async () => {
    const { page, visit, faults } = open;
    await visit('/');
    await shows(page, 'steps need a look');
    const { ScriptDuration: first = 0 } = await page.metrics();
    console.log(`500 steps: ${ms(first)} of script until the first of them are drawn`);
    await page.waitForFunction(() => document.querySelectorAll('.graph .step').length === 500);
    expect(await page.$$eval('.graph .step .state', (all) => all.filter((one) => one.textContent === '…').length)).toBe(
      0,
    );
    const { ScriptDuration = 0, TaskDuration = 0 } = await page.metrics();
    console.log(`500 steps: ${ms(ScriptDuration)} of script, ${ms(TaskDuration)} in all until they are drawn`);
    await report('500 steps of which 100 change four times a second');
    for (const look of LOOKS) await takePicture(page, 'large', look);
    expect(faults).toEqual([]);
  });

  test('shows the newest events of a stream and no more rows than a page can have', async () => {
    const { page, visit, faults } = open;
    await page.setViewport({ width: 1_400, height: 900 });
    await visit('/streams/pipeline-0/stream-0');
    await page.waitForFunction(() => document.querySelectorAll('.events tbody tr').length === 200, { timeout: 60_000 });
    await report('10,000 events a second');
    expect(await page.$$eval('.events tbody tr', (rows) => rows.length)).toBe(200);
    expect(faults.filter((fault) => !fault.includes('404'))).toEqual([]);
  });

  /** Prints the tasks of the page that were longer than 50 ms: how many depends on the machine. */
  async function report(of: string): Promise<void> {
    const { page } = open;
    await page.evaluate(() => (window as unknown as { long: number[] }).long.splice(0));
    await new Promise((resolve) => setTimeout(resolve, WATCHED_MILLIS));
    const long = await page.evaluate(() => (window as unknown as { long: number[] }).long);
    const longest = long.length === 0 ? '' : `, the longest ${Math.round(Math.max(...long))} ms`;
    console.log(`${of}: ${long.length} tasks over 50 ms in ${WATCHED_MILLIS / 1_000} s${longest}`);
  }
});

test('a pipeline of 500 steps is laid out once, and all of its nodes have a place', () => {
  const from = performance.now();
  const [graph] = graphsOf(generatedPipelines(1, 500));
  console.log(`a pipeline of 500 steps: laid out in ${Math.round(performance.now() - from)} ms`);
  expect(graph?.nodes.filter(({ node }) => node === 'step')).toHaveLength(500);
});

function ms(seconds: number): string {
  return `${Math.round(seconds * 1_000)} ms`;
}
