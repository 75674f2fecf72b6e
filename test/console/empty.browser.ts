import type { Browser } from 'puppeteer-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { openConsole } from '../../infra/console/open-console.ts';
import { pipelineFinder } from '../../infra/operation/find-step.ts';
import type { TargetWithFunctions } from '../../infra/operation/target.ts';
import type { Pipeline } from '../../infra/pipelines/pipeline.ts';
import { sensors } from '../../infra/pipelines/sensors.ts';
import { violationsInLooks } from './accessibility.ts';
import { type OpenPage, openPage, shows, startBrowser } from './browser.ts';

const running = new AsyncDisposableStack();
let browser: Browser;
let open: OpenPage;

beforeAll(async () => {
  browser = await startBrowser(running);
});
afterAll(() => running.disposeAsync());
afterEach(async () => {
  const { page, faults } = open;
  await page.close();
  expect(faults).toEqual([]);
});

/** Opens the console of a stage where AWS refuses every call. */
async function openRefused(pipelines: readonly Pipeline[]): Promise<void> {
  const send = async (command: object) => {
    const right = `kinesis:${command.constructor.name.replace('Command', '')}`;
    throw Object.assign(new Error(`User: arn:aws:iam::1:user/me is not authorized to perform: ${right} on it`), {
      name: 'AccessDeniedException',
    });
  };
  const clients = { kinesis: { send }, dynamodb: { send }, s3: { send }, sqs: { send } };
  const names = { checkpoints: 'c', deadLetters: 'd', step: (...words: string[]) => words.join('--') };
  const target = { names, clients, streamName: () => 'stream' } as unknown as TargetWithFunctions;
  const found = { title: "stage 'prod'", pipelines: undefined };
  const find = pipelineFinder(pipelines, found);
  const read = async () => send(new (class GetMetricDataCommand {})());
  const rates = { everyMillis: 60_000, read };
  const { title } = found;
  const source = { title, options: ' --stage prod', target, find, hidesData: false, lookEveryMillis: 1_000, rates };
  open = await openPage(browser, await openConsole({ source: { ...source, writes: false }, port: 0 }, running));
}

describe('a stage without pipelines', () => {
  test.each([
    ['empty-pipelines', '/', 'No pipeline runs here'],
    ['empty-tables', '/tables', 'No pipeline here keeps a table'],
    ['empty-compare', '/compare', 'two sinks'],
  ])('page %s says what to do next', async (name, path, text) => {
    await openRefused([]);
    const { page, visit } = open;
    await visit(path);
    await shows(page, text);
    expect(await violationsInLooks(page, name)).toEqual([]);
  });
});

describe('a stage that its operator has no right to read', () => {
  test.each([
    ['refused-pipelines', '/', 'these credentials may not call kinesis:DescribeStreamSummary'],
    ['refused-step', '/steps/sensors/cleaning', 'these credentials may not call kinesis:DescribeStreamSummary'],
    ['refused-stream', '/streams/sensors/raw', 'these credentials may not call kinesis:DescribeStreamSummary'],
    ['refused-dead-letters', '/dead-letters', 'these credentials may not call kinesis:ListObjectsV2'],
  ])('page %s says which right is missing', async (name, path, text) => {
    await openRefused([sensors as Pipeline]);
    const { page, visit } = open;
    await visit(path);
    await shows(page, text);
    expect(await violationsInLooks(page, name)).toEqual([]);
  });

  test('the pipelines say which right the rates need', async () => {
    await openRefused([sensors as Pipeline]);
    await shows(open.page, 'No rates on the lines: these credentials may not call kinesis:GetMetricData');
  });
});
