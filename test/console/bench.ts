import { setTimeout as delay } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import type { Browser, Page } from 'puppeteer-core';
import { serveConsole } from '../../infra/console/open-console.ts';
import { bundlePages } from '../../infra/console/page-files.ts';
import type { Route } from '../../infra/console/routes.ts';
import { type Measured, runAlone } from '../bench/rounds.ts';
import { startBrowser } from './browser.ts';
import { generatedPipelines, generatedRoutes, graphsOf } from './generated.ts';

const MOST_GZIPPED_BYTES = 150_000;
/** The script of a large stage's first page may take so many times that of a stage without pipelines. */
const MOST_TIMES = 3;
const LONGEST_TASK_MILLIS = 50;
const ROUNDS = 7;
const WATCHED_MILLIS = 5_000;

/**
 * Measures the pages of the console in a browser: the script until a stage of 500 steps of 50 shards shows its first
 * steps, against an empty stage, and the longest task while a stream takes 10,000 events a second. Throws when the
 * pages are too large, or there is no Chromium.
 */
async function benchConsole(): Promise<readonly Measured[]> {
  const files = await bundlePages();
  const bytes = [...files.values()].reduce((sum, { contents }) => sum + gzipSync(contents).length, 0);
  console.log(`the pages of the console have ${bytes} bytes gzipped; ${MOST_GZIPPED_BYTES} at most`);
  if (bytes > MOST_GZIPPED_BYTES) throw new Error('the pages of the console are too large');
  await using running = new AsyncDisposableStack();
  const browser = await startBrowser(running);
  const large = generatedRoutes(graphsOf(generatedPipelines(25, 20)), 10_000);
  const urlOf = (routes: readonly Route[]): Promise<string> => serveConsole(routes, 0, running);
  const [largeUrl, emptyUrl] = [await urlOf(large), await urlOf(generatedRoutes([], 0))];
  const [ours, other]: [number[], number[]] = [[], []];
  for (let round = 0; round < ROUNDS; round++) {
    ours.push(await scriptMillis(browser, largeUrl, '.graph .step'));
    other.push(await scriptMillis(browser, emptyUrl, 'main h1'));
  }
  const [oursMillis, otherMillis] = [median(ours), median(other)];
  const longest = Math.max(1, await longestTaskMillis(browser, largeUrl));
  return [
    {
      name: 'console: script until 500 steps begin to show',
      versus: 'a stage without pipelines',
      target: 1 / MOST_TIMES,
      oursMillis,
      otherMillis,
      ratio: otherMillis / oursMillis,
    },
    {
      name: 'console: longest task at 10,000 events a second',
      versus: 'the limit of a long task',
      target: 1,
      oursMillis: longest,
      otherMillis: LONGEST_TASK_MILLIS,
      ratio: LONGEST_TASK_MILLIS / longest,
    },
  ];
}

async function scriptMillis(browser: Browser, url: string, shown: string): Promise<number> {
  const page = await browser.newPage();
  try {
    await page.goto(url);
    await page.waitForSelector(shown);
    return ((await page.metrics()).ScriptDuration ?? 0) * 1_000;
  } finally {
    await page.close();
  }
}

async function longestTaskMillis(browser: Browser, url: string): Promise<number> {
  const page = await browser.newPage();
  try {
    await page.goto(url);
    await page.goto(new URL('/streams/pipeline-0/stream-0', url).href);
    await page.waitForFunction(() => document.querySelectorAll('.events tbody tr').length === 200);
    await watchTasks(page);
    await delay(WATCHED_MILLIS);
    return await page.evaluate(() => Math.max(0, ...(window as unknown as { tasks: number[] }).tasks));
  } finally {
    await page.close();
  }
}

function watchTasks(page: Page): Promise<void> {
  return page.evaluate(() => {
    const tasks: number[] = [];
    Object.assign(window, { tasks });
    new PerformanceObserver((list) => tasks.push(...list.getEntries().map(({ duration }) => duration))).observe({
      entryTypes: ['longtask'],
    });
  });
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

await runAlone(benchConsole);
