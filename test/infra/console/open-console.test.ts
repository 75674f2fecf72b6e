import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { TopologyAnswer } from '../../../infra/console/answers.ts';
import { openConsole } from '../../../infra/console/open-console.ts';
import { bundlePages } from '../../../infra/console/page-files.ts';
import type { ConsoleSource } from '../../../infra/console/source.ts';
import { pipelineFinder } from '../../../infra/operation/find-step.ts';
import { pipelines } from '../../../infra/pipelines/all.ts';

const found = { title: "stage 'prod'", pipelines: undefined };
const source: ConsoleSource = {
  ...found,
  options: ' --stage prod',
  target: undefined as unknown as ConsoleSource['target'],
  find: pipelineFinder(pipelines, found),
  hidesData: false,
  lookEveryMillis: 1_000,
  writes: false,
};

describe('the server of the console', () => {
  const running = new AsyncDisposableStack();
  let url = new URL('http://127.0.0.1');
  let cookie = '';
  beforeAll(async () => {
    url = new URL(await openConsole({ source, port: 0 }, running));
    cookie = (await fetch(url, { redirect: 'manual' })).headers.get('set-cookie')?.split(';')[0] ?? '';
  });
  afterAll(() => running.disposeAsync());

  const get = (path: string, options: RequestInit = {}): Promise<Response> =>
    fetch(new URL(path, url), { ...options, headers: { cookie, ...options.headers } });

  test('listens on 127.0.0.1 and leads from the token to a page without it', async () => {
    expect(url.hostname).toBe('127.0.0.1');
    const first = await fetch(url, { redirect: 'manual' });
    expect([first.status, first.headers.get('location')]).toEqual([303, '/']);
    expect((await fetch(new URL('/', url))).status).toBe(401);
  });

  test('sends every answer with a policy that lets a page load nothing but the files of the console', async () => {
    for (const path of ['/', '/console.js', '/console.css', '/steps/a/b', '/api/topology', '/api/nothing']) {
      const { headers } = await get(path);
      const policy = headers.get('content-security-policy') ?? '';
      expect(policy, path).toContain("default-src 'none'");
      expect(policy, path).toContain("script-src 'self';");
      expect(policy, path).toContain("require-trusted-types-for 'script'");
      expect(policy, path).not.toMatch(/unsafe|https?:|\*/);
      expect(headers.get('x-content-type-options'), path).toBe('nosniff');
      expect(headers.get('cache-control'), path).toBe('no-store');
    }
  });

  test('gives every page the same document, whose files are its own', async () => {
    const document = await (await get('/dead-letters/sensors')).text();
    expect(document).toContain('/console.js');
    expect(document).not.toMatch(/(?:src|href)="(?!\/[a-z])/);
    expect((await get('/console.js')).headers.get('content-type')).toContain('text/javascript');
  });

  test('answers with the graph of every pipeline, and with the options that lead to the same target', async () => {
    const answer = (await (await get('/api/topology')).json()) as TopologyAnswer;
    expect(answer).toMatchObject({ title: "stage 'prod'", options: ' --stage prod' });
    expect(answer.pipelines.map(({ name }) => name)).toEqual(pipelines.map(({ name }) => name));
  });

  test('says what is wrong: an unknown step, an unknown path, a method that changes something', async () => {
    const unknown = await get('/api/steps/sensors/nothing');
    expect([unknown.status, await unknown.text()]).toEqual([400, expect.stringContaining("has no step 'nothing'")]);
    expect((await get('/api/nothing')).status).toBe(404);
    expect((await get('/api/topology', { method: 'POST' })).status).toBe(405);
  });

  test('refuses a page of another site, even with the cookie', async () => {
    expect((await get('/api/topology', { headers: { origin: 'https://evil.example' } })).status).toBe(403);
  });
});

test('the pages are at most 150 KB gzipped', async () => {
  const files = await bundlePages();
  const bytes = [...files.values()].reduce((sum, { contents }) => sum + gzipSync(contents).length, 0);
  expect(files.get('/console.js')?.contents.length).toBeGreaterThan(10_000);
  expect(bytes).toBeLessThanOrEqual(150_000);
});
