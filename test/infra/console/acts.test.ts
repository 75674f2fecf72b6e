import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { apiOf } from '../../../infra/console/api.ts';
import { openConsole } from '../../../infra/console/open-console.ts';
import type { ConsoleSource } from '../../../infra/console/source.ts';
import { pipelineFinder } from '../../../infra/operation/find-step.ts';
import { pipelines } from '../../../infra/pipelines/all.ts';

const found = { title: "stage 'prod'", pipelines: undefined };
const source: ConsoleSource = {
  ...found,
  options: ' --stage prod',
  // Whatever reaches the stage fails: it is not there.
  target: undefined as unknown as ConsoleSource['target'],
  find: pipelineFinder(pipelines, found),
  hidesData: false,
  lookEveryMillis: 1_000,
  writes: false,
};
const { signal } = new AbortController();

/** What changes nothing, and so a console that only reads may do it. */
const HARMLESS = ['/api/try/', '/api/run/'];

test('a console without --write does nothing that changes something, whatever the request says', async () => {
  const acts = apiOf(source, signal).flatMap((route) => ('act' in route ? [route] : []));
  const changing = acts.filter(({ path }) => !HARMLESS.some((start) => path.startsWith(start)));
  expect(changing.map(({ path }) => path.split('/')[2]).sort()).toEqual([
    'discard',
    'mend',
    'moves',
    'pause',
    'redrive',
    'resume',
  ]);
  const named = { pipeline: 'sensors', step: 'cleaning', hash: '0123456789' };
  const body = { to: 'earliest', seen: 0, which: { all: true }, why: 'because', data: '{}' };
  for (const { act } of changing)
    await expect(act({ named, query: new URLSearchParams(), signal, body })).rejects.toThrow('start it with --write');
});

test('with --hide-data nobody edits data that the page does not have, nor sees what a step makes of it', async () => {
  const hiding = apiOf({ ...source, hidesData: true, writes: true }, signal);
  const acts = hiding.flatMap((route) => ('act' in route && /try|run|mend/.test(route.path) ? [route] : []));
  expect(acts).toHaveLength(3);
  const named = { pipeline: 'sensors', step: 'cleaning', stream: 'raw', hash: '0123456789' };
  const body = { data: '{}', step: 'sensors/cleaning' };
  for (const { act } of acts)
    await expect(act({ named, query: new URLSearchParams(), signal, body })).rejects.toThrow('with --hide-data');
});

describe('a request that would change something', () => {
  const running = new AsyncDisposableStack();
  let url = new URL('http://127.0.0.1');
  let cookie = '';
  beforeAll(async () => {
    url = new URL(await openConsole({ source: { ...source, writes: true }, port: 0 }, running));
    cookie = (await fetch(url, { redirect: 'manual' })).headers.get('set-cookie')?.split(';')[0] ?? '';
  });
  afterAll(() => running.disposeAsync());

  interface Sent {
    readonly method?: string;
    readonly path?: string;
    readonly headers?: Readonly<Record<string, string | undefined>>;
    readonly body?: string;
  }

  /** Sends a request as it is: `fetch` does not let a caller choose Host and Origin. */
  function send({ method = 'POST', path = '/api/resume/sensors/nothing', headers = {}, body = '{}' }: Sent) {
    const good = { host: url.host, origin: url.origin, cookie, 'content-type': 'application/json' };
    const given = Object.fromEntries(
      Object.entries({ ...good, ...headers }).filter(([, value]) => value !== undefined),
    );
    return new Promise<{ readonly status: number; readonly text: string }>((resolve, reject) => {
      const sent = request({
        agent: false,
        host: '127.0.0.1',
        port: url.port,
        method,
        path,
        headers: given as Record<string, string>,
      });
      sent.on('error', reject);
      sent.on('response', (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk) => (text += chunk));
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
      });
      sent.end(body);
    });
  }

  test('of the page itself is looked at', async () => {
    expect(await send({})).toEqual({ status: 400, text: expect.stringContaining("has no step 'nothing'") });
  });

  test.each<[string, Sent, number]>([
    ['without the cookie', { headers: { cookie: undefined } }, 401],
    [
      'with a token in its address in place of the cookie',
      { headers: { cookie: undefined }, path: '/api/resume/a/b?token=x' },
      401,
    ],
    ['without an origin', { headers: { origin: undefined } }, 403],
    ['of no origin', { headers: { origin: 'null' } }, 403],
    ['of a page of another site', { headers: { origin: 'https://evil.example' } }, 403],
    ['of a page on another port', { headers: { origin: 'http://127.0.0.1:1' } }, 403],
    ['for another host', { headers: { host: 'evil.example', origin: 'http://evil.example' } }, 403],
    ['that another site has started', { headers: { 'sec-fetch-site': 'cross-site' } }, 403],
    ['that a form sends', { headers: { 'content-type': 'application/x-www-form-urlencoded' } }, 415],
    ['whose text a form sends as JSON', { headers: { 'content-type': 'text/plain' } }, 415],
    ['without a type', { headers: { 'content-type': undefined } }, 415],
    ['with GET', { method: 'GET' }, 405],
    ['with PUT', { method: 'PUT' }, 405],
    ['with DELETE', { method: 'DELETE' }, 405],
    ['at a path that only answers', { path: '/api/topology' }, 405],
    ['at a page', { path: '/steps/sensors/cleaning' }, 405],
    ['at no path', { path: '/api/nothing' }, 404],
  ])('%s is refused', async (_, sent, status) => {
    expect((await send(sent)).status).toBe(status);
  });

  test.each([
    ['that is no JSON', '{"which":'],
    ['with a field that nobody knows', '{"which":{"all":true},"force":true}'],
    ['that is a list', '[]'],
    ['that names a letter of another step', '{"which":{"id":"orders/order-events/0123456789"}}'],
    ['that is too large', `{"which":"${'x'.repeat(9 * 1024 ** 2)}"}`],
  ])('with a body %s is refused before anything is asked of the stage', async (_, body) => {
    const { status, text } = await send({ path: '/api/redrive/sensors/cleaning', body });
    expect([status, text]).toEqual([400, expect.not.stringContaining('undefined')]);
  });

  test('with the token in the address is not taken for a page that is opened', async () => {
    const path = `/api/pause/sensors/cleaning?token=${cookie.split('=')[1]}`;
    expect((await send({ path, headers: { cookie: undefined } })).status).toBe(405);
  });
});
