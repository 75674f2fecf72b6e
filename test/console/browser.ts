import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Browser, launch, type Page } from 'puppeteer-core';
import { REPOSITORY } from '../../infra/repository.ts';

const SCREENSHOTS = join(REPOSITORY, 'test', 'console', 'screenshots');

/** Where systems install Chromium; `CHROMIUM` names another one. */
const PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** Starts a browser without a window. */
export async function startBrowser(running: AsyncDisposableStack): Promise<Browser> {
  const executablePath = process.env.CHROMIUM ?? PLACES.find(existsSync);
  if (executablePath === undefined)
    throw new Error('there is no Chromium: install it (apt-get install chromium), or name one with CHROMIUM');
  // Inside a container there is no user namespace for a sandbox. The pages are our own.
  const browser = await launch({ executablePath, args: ['--no-sandbox', '--disable-dev-shm-usage'] });
  running.defer(() => browser.close());
  return browser;
}

/** A page that has shown the token, and what went wrong in it. */
export interface OpenPage {
  readonly page: Page;
  /** Errors of scripts, refusals by the content security policy, and requests to anywhere but the console. */
  readonly faults: string[];
  /** Opens a path of the console in the address bar. */
  visit(path: string): Promise<void>;
}

export async function openPage(browser: Browser, url: string): Promise<OpenPage> {
  const page = await browser.newPage();
  const faults: string[] = [];
  const { origin } = new URL(url);
  page.on('pageerror', (error) => faults.push(String(error)));
  page.on('console', (message) => {
    if (message.type() === 'error' && !/status of 4\d\d/.test(message.text())) faults.push(message.text());
  });
  page.on('dialog', (dialog) => {
    faults.push(`a dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on('request', (request) => {
    if (!request.url().startsWith(`${origin}/`) && !request.url().startsWith('data:')) faults.push(request.url());
  });
  await page.setViewport({ width: 1_400, height: 900 });
  await page.goto(url);
  return {
    page,
    faults,
    async visit(path) {
      await page.goto(`${origin}${path}`);
    },
  };
}

/** Waits until the page shows a text. */
export async function shows(page: Page, text: string): Promise<void> {
  await page
    .waitForFunction((wanted: string) => document.body.textContent?.includes(wanted), { timeout: 60_000 }, text)
    .catch(async () => {
      throw new Error(`the page does not show '${text}', but:\n${await textOf(page)}`);
    });
}

export function textOf(page: Page): Promise<string> {
  return page.evaluate(() => document.body.innerText);
}

/** Clicks the first link or button whose text, or whose name for readers of screens, has these words. */
export async function click(page: Page, words: string): Promise<void> {
  const found = await page.waitForFunction(
    (wanted: string) =>
      [...document.querySelectorAll<HTMLElement>('a, button')].find((one) =>
        [one.textContent, one.getAttribute('aria-label')].some((text) => text?.includes(wanted)),
      ),
    { timeout: 60_000 },
    words,
  );
  await (found as import('puppeteer-core').ElementHandle<Element>).click();
}

export interface Look {
  readonly scheme: 'light' | 'dark';
  readonly width: number;
}

export const LOOKS: readonly Look[] = [
  { scheme: 'light', width: 1_400 },
  { scheme: 'dark', width: 1_400 },
  { scheme: 'light', width: 390 },
  { scheme: 'dark', width: 390 },
];

/** Makes a screenshot of the page as it is, for people: `pipelines-dark-390.png`. */
export async function takePicture(page: Page, name: string, { scheme, width }: Look): Promise<void> {
  await mkdir(SCREENSHOTS, { recursive: true });
  await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }]);
  await page.setViewport({ width, height: width < 700 ? 844 : 900 });
  await page.screenshot({ path: join(SCREENSHOTS, `${name}-${scheme}-${width}.png`) as `${string}.png` });
}
