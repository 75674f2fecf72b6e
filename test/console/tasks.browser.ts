import type { Browser } from 'puppeteer-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { localServers } from '../../infra/local/target.ts';
import { pauseStep, resumeStep } from '../../infra/operation/control/pause.ts';
import { violationsInLooks } from './accessibility.ts';
import { click, LOOKS, type OpenPage, openPage, shows, startBrowser, takePicture, textOf } from './browser.ts';
import { reading, type Stage, startStage } from './stage.ts';

/** Everything that a producer may try on whoever looks at its events. */
const HOSTILE = '<img src=x onerror=alert(1)><script>alert(2)</script>"\'`\u202e\u0007\u2028{{7*7}}';

describe('the console of a running pipeline', () => {
  const running = new AsyncDisposableStack();
  const stop = new AbortController();
  let stage: Stage;
  let browser: Browser;
  let open: OpenPage;
  beforeAll(async () => {
    browser = await startBrowser(running);
    stage = await startStage(running, stop.signal);
    expect(await stage.post([reading('roof-1'), reading('roof-2', { temp_max: 35 }), reading('garden')])).toBe(202);
    expect(await stage.post([reading('broken', { temp_max: 'n/a' }), reading(HOSTILE, { temp_max: 'n/a' })])).toBe(202);
    expect(await stage.post([reading(HOSTILE)])).toBe(202);
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

  test('finds the step that has dead letters, and reads one of them', async () => {
    const { page } = open;
    await shows(page, '1 step needs a look.');
    await click(page, 'sensors/cleaning');
    await shows(page, 'Dead letters of sensors/cleaning');
    await click(page, 'column "temp_max" must be numeric');
    await shows(page, 'broken');
    await page.click('.scroll ~ .scroll tbody a');
    await shows(page, 'original bytes');
    expect(await textOf(page)).toMatch(/"temp_max": "n\/a"/);
    expect(await textOf(page)).toMatch(/npx millrace dead-letters redrive sensors\/cleaning\/\w+/);
  });

  test('shows an event within moments of its arrival', async () => {
    const { page, visit } = open;
    await visit('/streams/sensors/raw');
    await shows(page, 'roof-1');
    await stage.post([reading('just-now')]);
    await shows(page, 'just-now');
  });

  test('shows on the lines of the graph how many events a second pass', async () => {
    const { page } = open;
    await shows(page, 'on average of the last 20 s');
    await stage.post(Array.from({ length: 500 }, (_, index) => reading(`many-${index % 5}`)));
    await page.waitForFunction(() => document.querySelectorAll('.graph .rate').length >= 4, { timeout: 60_000 });
    const rates = await page.$$eval('.graph .rate', (all) => all.map(({ lastChild }) => lastChild?.textContent));
    for (const rate of rates) expect(rate).toMatch(/^<?[\d,.]+\/s$/);
    for (const look of LOOKS) await takePicture(page, 'rates', look);
  });

  test('finds events by key and by an SQL condition, and opens one, decoded and raw', async () => {
    const { page, visit } = open;
    await visit('/streams/sensors/clean?from=earliest');
    await shows(page, 'garden');
    await page.type('input[name=where]', 'temp_max > 30');
    await page.keyboard.press('Enter');
    await shows(page, '1 match');
    expect(new URL(page.url()).searchParams.get('where')).toBe('temp_max > 30');
    expect(await textOf(page)).not.toContain('garden');
    await page.click('.events tbody a');
    await shows(page, 'made by');
    const text = await textOf(page);
    expect(text).toContain('sensors/cleaning');
    expect(text).toMatch(/an aggregate: event \d of \d/);
    expect(text).toContain('"temp_max": 35');
    await shows(page, 'Run again on its input, the step makes the same.');
    await click(page, 'follow it through');
    await shows(page, 'sink sensors/readings has taken it');
  });

  test('says where an SQL condition is wrong', async () => {
    const { page, visit } = open;
    await visit('/streams/sensors/clean?from=earliest&where=temp_mix+%3E+30');
    await shows(page, 'temp_mix');
    await shows(page, '^');
  });

  test('shows where each step stands, and that it rests', async () => {
    const { page, visit } = open;
    const step = stage.local.plans[0]?.steps.find(({ name }) => name === 'readings');
    const { servers, stage: ofLocal } = stage.local;
    const target = { ...localServers(servers, ofLocal.resources.database), catalogOf: ofLocal.catalogOf };
    await pauseStep(step!, target, { onProgress: () => {}, signal: stop.signal });
    try {
      await visit('/steps/sensors/readings');
      await shows(page, 'paused');
      expect(await page.$$eval('tbody tr', (rows) => rows.length)).toBe(2);
      expect(await page.$eval('.bar', (bar) => bar.getAttribute('aria-label'))).toMatch(/^records since /);
      await visit('/');
      await shows(page, 'paused');
    } finally {
      await resumeStep(step!, target, stop.signal);
      for (const client of Object.values(target.clients)) client.destroy();
    }
  });

  test('can be used with the keyboard alone', async () => {
    const { page } = open;
    await shows(page, 'needs a look');
    await page.keyboard.press('/');
    await page.keyboard.type('clean');
    await page.keyboard.press('Escape');
    await page.keyboard.press('j');
    await page.keyboard.press('Enter');
    await shows(page, 'column "temp_max"');
    await page.keyboard.press('j');
    await page.keyboard.press('Enter');
    await shows(page, 'schema in sensors/cleaning');
    await page.keyboard.press('g');
    await page.keyboard.press('p');
    await shows(page, 'needs a look');
    expect(new URL(page.url()).pathname).toBe('/');
    await page.keyboard.press('?');
    await shows(page, 'go to the dead letters');
  });

  test('copies a command line', async () => {
    const { page, visit } = open;
    await browser
      .defaultBrowserContext()
      .overridePermissions(new URL(stage.url).origin, ['clipboard-read', 'clipboard-sanitized-write']);
    await visit('/steps/sensors/cleaning');
    await shows(page, 'let it rest');
    await page.bringToFront();
    await page.click('.cli .copy');
    await shows(page, 'copied');
    expect(await page.evaluate(() => navigator.clipboard.readText())).toBe('npx millrace pause sensors cleaning');
  });

  test('shows times in UTC, and remembers that', async () => {
    const { page, visit } = open;
    await visit('/steps/sensors/cleaning');
    await click(page, 'local time');
    await page.waitForFunction(() => /\d\d:\d\d:\d\dZ/.test(document.querySelector('time')?.textContent ?? ''));
    await visit('/steps/sensors/lake');
    await shows(page, 'UTC');
    await page.evaluate(() => localStorage.clear());
  });

  test('filters the graph by name', async () => {
    const { page } = open;
    await shows(page, 'archive');
    await page.type('main input', 'archive');
    await page.waitForSelector('.dimmed');
    const shown = await page.$$eval('.graph g:not(.dimmed) .name', (names) => names.map((name) => name.textContent));
    expect(shown).toEqual(['archive']);
    await page.type('main input', '-not-there');
    await shows(page, "No pipeline, step or stream has 'archive-not-there' in its name.");
  });

  test('never takes text of an event for HTML, and shows what cannot be seen', async () => {
    const { page, visit } = open;
    for (const path of ['/streams/sensors/raw?from=earliest', '/dead-letters/sensors/cleaning?group=0']) {
      await visit(path);
      await shows(page, '<img src=x onerror=alert(1)>');
      await shows(page, '\\u202e\\u0007\\u2028');
      expect(await page.$$eval('main img, main script', (found) => found.length)).toBe(0);
    }
    const [event] = await page.$$eval('table a[data-row]', (links) =>
      links.map((link) => link.getAttribute('href')).slice(-1),
    );
    await visit(event ?? '');
    await shows(page, '<script>alert(2)</script>');
    expect(await page.$$eval('main img, main script', (found) => found.length)).toBe(0);
  });

  test('a page that nobody gave the token says how to open it', async () => {
    const other = await browser.createBrowserContext();
    const page = await other.newPage();
    const response = await page.goto(new URL('/', stage.url).href);
    expect(response?.status()).toBe(401);
    expect(await textOf(page)).toContain('open the address that the terminal shows');
    await other.close();
    expect(new URL(open.page.url()).search).toBe('');
  });

  test('pauses a step and resumes it, after one question', async () => {
    const { page, visit } = open;
    await visit('/steps/sensors/archive');
    await click(page, 'pause');
    await shows(page, 'New events wait until it is resumed');
    await click(page, 'yes, pause');
    await shows(page, 'sensors/archive is paused; no batch is in flight');
    await click(page, 'resume');
    await click(page, 'yes, resume');
    await shows(page, 'sensors/archive is resumed');
    expect(await textOf(page)).toContain('npx millrace pause sensors archive');
  });

  test('shows what a move would do, and moves a step back while it runs', async () => {
    const { page, visit } = open;
    await visit('/steps/sensors/readings');
    await page.waitForSelector('.bar');
    await page.click('.bar', { offset: { x: 2, y: 5 } });
    await shows(page, 'replays');
    expect(new URL(page.url()).searchParams.get('to')).toMatch(/^2\d{3}-.*Z$/);
    await visit('/steps/sensors/readings?to=earliest');
    await shows(page, 'replays');
    expect(await violationsInLooks(page, 'move')).toEqual([]);
    await click(page, 'move it');
    await click(page, 'yes, move it');
    await shows(page, 'sensors/readings was moved to earliest and has caught up');
  });

  test('mends a dead letter, sees what its step makes of that, and redrives it', async () => {
    const { page, visit } = open;
    await stage.post([reading('warm-one', { temp_max: 'warm' })]);
    const openWarm = async (): Promise<boolean> =>
      page.$$eval('table tr', (rows) => {
        const link = rows.find((row) => row.textContent?.includes('warm-one'))?.querySelector('a');
        link?.click();
        return link !== null && link !== undefined;
      });
    do {
      await visit('/dead-letters/sensors/cleaning?group=0');
      await shows(page, 'schema in sensors/cleaning');
    } while (!(await openWarm()));
    await shows(page, 'Mend it');
    await page.$eval('textarea', (area) => {
      area.value = area.value.replace('"warm"', '12.5');
      area.dispatchEvent(new Event('input', { bubbles: true }));
    });
    await shows(page, '+ ');
    await click(page, 'what would its step make of that?');
    await shows(page, 'The step makes 1 event of it.');
    expect(await violationsInLooks(page, 'mend')).toEqual([]);
    await click(page, 'mend');
    await click(page, 'yes, mend');
    await shows(page, 'mended bytes');
    await click(page, 'redrive');
    await click(page, 'yes, redrive');
    await visit('/streams/sensors/clean?from=earliest&key=warm-one&follow=1');
    await shows(page, '12.5');
  });

  test('runs a step again with an edited input, and appends nothing', async () => {
    const { page, visit } = open;
    await visit('/streams/sensors/raw?from=earliest&key=garden');
    await page.waitForSelector('.events tbody a');
    await page.click('.events tbody a');
    await shows(page, 'Run a step again');
    await page.$eval('textarea', (area) => {
      area.value = area.value.replace(/"temp_max": ?1.5/, '"temp_max":"x"');
      area.dispatchEvent(new Event('input', { bubbles: true }));
    });
    await click(page, 'run sensors/cleaning');
    await shows(page, 'refused: schema');
  });

  test.each([
    ['pipelines', '/', 'needs a look'],
    ['step', '/steps/sensors/readings', 'last progress'],
    ['stream', '/streams/sensors/clean?from=earliest&key=garden', 'garden'],
    ['search-that-finds-nothing', '/streams/sensors/clean?from=earliest&key=nobody', 'Begin earlier'],
    ['dead-letters', '/dead-letters', 'column'],
    ['dead-letters-of-a-group', '/dead-letters/sensors/cleaning?group=0', 'broken'],
    ['dead-letters-none', '/dead-letters/sensors/archive', 'There are no dead letters'],
    ['tables-none', '/tables', 'No pipeline here keeps a table'],
    ['no-such-page', '/nothing', 'There is no page here'],
  ])('page %s has no violation of axe, light or dark, wide or narrow', async (name, path, text) => {
    const { page, visit } = open;
    await visit(path);
    await shows(page, text);
    expect(await violationsInLooks(page, name)).toEqual([]);
  });

  test('pages that are opened from others have no violation of axe', async () => {
    const { page, visit } = open;
    for (const [name, from, link, text] of [
      ['event', '/streams/sensors/clean?from=earliest', '.events tbody a', 'Run again'],
      ['dead-letter', '/dead-letters/sensors/cleaning?group=0', '.scroll ~ .scroll tbody a', 'original bytes'],
    ] as const) {
      await visit(from);
      await page.waitForSelector(link);
      await page.click(link);
      await shows(page, text);
      expect(await violationsInLooks(page, name)).toEqual([]);
      await page.setViewport({ width: 1_400, height: 900 });
    }
  });
});
