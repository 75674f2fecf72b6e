import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { pipelines } from '../../infra/pipelines/all.ts';
import { REPOSITORY } from '../../infra/repository.ts';
import { openPage, shows, startBrowser } from './browser.ts';
import { reading, startStage } from './stage.ts';

/** Makes the pictures of README: `npm run console:pictures`. */
const FOLDER = join(REPOSITORY, 'docs', 'images');

await using running = new AsyncDisposableStack();
const stop = new AbortController();
running.defer(() => stop.abort());
const browser = await startBrowser(running);
const stage = await startStage(
  running,
  stop.signal,
  pipelines.filter(({ name }) => name !== 'shop'),
);
await stage.post([reading('roof-1', { temp_max: 31.5 }), reading('garden', { temp_max: 'n/a' }), reading('cellar')]);
const { page, visit } = await openPage(browser, stage.url);
await mkdir(FOLDER, { recursive: true });
await page.setViewport({ width: 1_520, height: 740 });
await shows(page, '1 dead letter');
await shows(page, 'on average of');
await stage.post(Array.from({ length: 240 }, (_, index) => reading(`roof-${index % 9}`)));
await page.waitForFunction(() => document.querySelectorAll('.graph .rate').length >= 4);
await page.screenshot({ path: join(FOLDER, 'console-pipelines.png') as `${string}.png` });
await visit('/streams/sensors/clean?from=earliest&where=temp_max+%3E+30');
await shows(page, 'roof-1');
await page.click('.events tbody a');
await shows(page, 'Run again');
await page.setViewport({ width: 1_200, height: 640 });
await page.screenshot({ path: join(FOLDER, 'console-event.png') as `${string}.png` });
await running.disposeAsync();
process.exit();
