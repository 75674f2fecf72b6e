import { beforeEach, expect, test } from 'vitest';
import { z } from 'zod';
import { openLogWriter } from '../../../functions/runtime/log/log-writer.ts';
import { apiOf } from '../../../infra/console/api.ts';
import type { EventStream } from '../../../infra/console/event-stream.ts';
import type { Route } from '../../../infra/console/routes.ts';
import type { ConsoleSource } from '../../../infra/console/source.ts';
import { pipelineFinder } from '../../../infra/operation/find-step.ts';
import { definePipeline } from '../../../infra/pipelines/pipeline.ts';
import type { ReaderPlan } from '../../../infra/pipelines/plan.ts';
import { operate } from '../../kit/operator.ts';
import { startWorld, type World } from '../../kit/world.ts';

/** What no byte of any answer may have, in any of the ways in which bytes hold a text. */
const SECRET = 'Ada-Lovelace-1815';
const WRITTEN = [SECRET, encodeURIComponent(SECRET), Buffer.from(SECRET).toString('base64').slice(0, -4), 'Lovelace'];

const Person = z.object({
  id: z.string(),
  name: z.string().meta({ personal: true }),
  age: z.int().optional(),
  home: z.object({ street: z.string().meta({ personal: true }) }).optional(),
});
const people = definePipeline({
  name: 'people',
  streams: { raw: { schema: Person }, named: { schema: Person.pick({ id: true, name: true }) } },
  transforms: {
    naming: { from: 'raw', apply: { sql: 'SELECT id, name FROM raw WHERE age > 0 OR age IS NULL' }, to: 'named' },
  },
});

const { signal } = new AbortController();
let world: World;
beforeEach(async () => {
  const startMillis = Date.parse('2026-01-01T00:00:00Z');
  world = await startWorld({
    pipelines: [people],
    recordBytes: undefined,
    pollMillis: undefined,
    seed: 1,
    startMillis,
  });
  await operate(world, async ({ clients: { kinesis }, streamName }) => {
    const step = world.steps.find(({ name }) => name === 'naming') as ReaderPlan;
    const writer = openLogWriter({ kinesis, stream: streamName(step.input.stream) });
    const about = { source: '/crm', time: '2026-01-01T00:00:00Z', sequence: undefined, traceparent: undefined };
    const data = [
      { id: '1', name: SECRET },
      { id: '2', name: 'x', home: { street: SECRET } },
      { id: '3', name: SECRET, age: 'old' },
      { id: '4', name: { first: SECRET } },
      { id: '5', name: 'x', age: SECRET },
    ].map((one) => JSON.stringify(one));
    const texts = [...data, `{"id":"6","n\\u0061me":"${SECRET}"}`, `["${SECRET}"]`];
    const outgoing = texts.map((text, id) => ({
      ...about,
      id: `event-${id}`,
      type: 'person.moved',
      // A key may be a name.
      key: id === 0 ? SECRET : `key-${id}`,
      dataBytes: Buffer.from(text),
    }));
    await writer.append(outgoing, signal);
  });
  await world.clock.advance(10 * 60_000);
});

/** Asks every route with these names and this query. Returns all that a browser would get, errors too. */
async function answersOf(
  routes: readonly Route[],
  named: Readonly<Record<string, string>>,
  query: Readonly<Record<string, string>>,
): Promise<readonly { readonly path: string; readonly text: string }[]> {
  const answers: { path: string; text: string }[] = [];
  for (const route of routes) {
    const asked = { named, query: new URLSearchParams(query), signal };
    let text = '';
    const stop = new AbortController();
    const stream: EventStream = {
      send: (message) => {
        text += JSON.stringify(message);
        return true;
      },
      signal: stop.signal,
      end: () => undefined,
    };
    const body = { step: 'people/naming', data: '{}', to: '-1h', seen: 0, which: { all: true }, why: 'so' };
    const work = async (): Promise<void> => {
      if ('answer' in route) text += JSON.stringify(await route.answer(asked));
      else if ('act' in route) text += JSON.stringify(await route.act({ ...asked, body }));
      // It looks again and again.
      else if (route.path !== '/api/live/steps') await route.live(asked, stream);
    };
    await work().catch((error: Error) => {
      text += `${error.name} ${error.message}`;
    });
    stop.abort();
    answers.push({ path: route.path, text });
  }
  return answers;
}

function consoleOf(hidesData: boolean, target: ConsoleSource['target']): ConsoleSource {
  const found = { title: 'a test', pipelines: undefined };
  const find = pipelineFinder([people], found);
  return { title: 'a test', options: '', target, find, hidesData, lookEveryMillis: 1_000, writes: false };
}

/** Asks for everything that there is: each event, each dead letter, each search. */
async function everything(hidesData: boolean): Promise<readonly { readonly path: string; readonly text: string }[]> {
  return operate(world, async (target) => {
    const routes = apiOf(consoleOf(hidesData, target), signal);
    const all = [];
    const of = { pipeline: 'people', step: 'naming' };
    for (const stream of ['raw', 'named']) {
      const searches = [
        { from: 'earliest' },
        { from: 'earliest', where: "name = 'x'" },
        { from: 'earliest', key: SECRET },
      ];
      const events = new Map<string, { readonly shard: string; readonly position: string }>();
      for (const query of searches) {
        for (const answer of await answersOf(routes, { ...of, stream }, query)) {
          // What somebody types is in the answer of nobody.
          all.push(answer);
          for (const [, shard = '', position = ''] of answer.text.matchAll(
            /"shard":"(shardId-\d+)","position":"([\w-]+)"/g,
          ))
            events.set(position, { shard, position });
        }
      }
      for (const place of events.values())
        all.push(...(await answersOf(routes, { ...of, stream, ...place }, { onward: '1', tables: '1' })));
    }
    const letters = all.flatMap(({ path, text }) =>
      path === '/api/dead-letters' ? [...text.matchAll(/people\/naming\/(\w{10})/g)].map(([, hash = '']) => hash) : [],
    );
    for (const hash of new Set(letters)) all.push(...(await answersOf(routes, { ...of, hash }, {})));
    return all;
  });
}

test('with --hide-data no byte of any answer has a personal value: events, searches, dead letters, ways and errors', async () => {
  const answers = await everything(true);
  const leaks = answers.filter(({ text }) => WRITTEN.some((secret) => text.includes(secret)));
  expect(leaks.map(({ path, text }) => `${path}: ${text.slice(0, 400)}`)).toEqual([]);
  // The answers have all else that there is to see.
  expect(
    answers.filter(({ path, text }) => path.startsWith('/api/events/') && text.includes('person.moved')).length,
  ).toBeGreaterThan(6);
  expect(answers.some(({ path, text }) => path === '/api/dead-letters' && /"count":\d/.test(text))).toBe(true);
});

test('without --hide-data the same answers have them, so the test above looks where they would be', async () => {
  const leaking = new Set(
    (await everything(false)).filter(({ text }) => text.includes(SECRET)).map(({ path }) => path),
  );
  expect([...leaking].sort()).toEqual(
    expect.arrayContaining([
      '/api/dead-letters',
      '/api/dead-letters/:pipeline/:step/:hash',
      '/api/events/:pipeline/:stream/:shard/:position',
      '/api/live/streams/:pipeline/:stream',
      '/api/trace/:pipeline/:stream/:shard/:position',
    ]),
  );
});
