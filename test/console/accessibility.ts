import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { AxeResults } from 'axe-core';
import type { Page } from 'puppeteer-core';
import { LOOKS, takePicture } from './browser.ts';

const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js');

/** Takes a picture of a page in every look, and returns the violations of all of them. */
export async function violationsInLooks(page: Page, name: string): Promise<readonly string[]> {
  const found: string[] = [];
  for (const look of LOOKS) {
    await takePicture(page, name, look);
    found.push(...(await violationsOf(page)));
  }
  return found;
}

/** Runs axe on a page. Returns each violation with the element that has it. */
async function violationsOf(page: Page): Promise<readonly string[]> {
  // The page's own policy lets nobody add a script; the browser's protocol may.
  await page.evaluate(await readFile(AXE, 'utf8'));
  const { violations } = (await page.evaluate('axe.run()')) as AxeResults;
  return violations.flatMap(({ id, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${html}: ${failureSummary}`),
  );
}
