import { expect, test } from 'vitest';
import { z } from 'zod';
import { defineTransform } from '../../functions/runtime/transform.ts';
import { postgresSink } from '../../functions/sinks/postgres/postgres.ts';
import { httpSource } from '../../functions/sources/http/http.ts';
import { definePipeline, streamOf } from '../../infra/pipelines/pipeline.ts';
import { givenPipeline } from '../kit/given.ts';
import { record } from '../kit/given-events.ts';

const Item = z.object({ name: z.string() });
const copying = defineTransform({ entry: import.meta.url, from: Item, to: Item, apply: (item) => [item] });
const read = () => httpSource({ schema: Item, type: 'item.sent', key: 'name' });

const bank = definePipeline({
  name: 'bank',
  streams: { raw: { schema: Item }, clean: { schema: Item } },
  sources: { till: { read: read(), to: 'raw' } },
  transforms: { cleaning: { from: 'raw', apply: copying, to: 'clean' } },
  sinks: { items: { from: 'clean', write: postgresSink({ table: 'items' }) } },
});

/** Its clients send events into the stream that a step of bank writes. */
const partners = definePipeline({
  name: 'partners',
  streams: { raw: streamOf(bank, 'raw'), clean: streamOf(bank, 'clean') },
  sources: { posts: { read: read(), to: 'clean' } },
});

const cloudEvent = (source: string, name: string) => ({
  specversion: '1.0',
  id: name,
  source,
  type: 'item.sent',
  // Above every sequence that a step makes.
  sequence: '~',
  partitionkey: 'k',
  data: { name },
});

const namesIn = (rows: readonly object[]) => rows.map((row) => (row as { name: string }).name);

test('no http source takes an event under a step of any pipeline, so no client makes readers drop that step', async () => {
  const run = await givenPipeline(partners, { beside: [bank] });
  await run.given('raw', [{ name: 'first' }]);
  await run.settled();
  const source = run.stream('clean').events()[0]?.source ?? '';
  expect(source).toMatch(/^\/bank\/cleaning\//);
  for (const taken of [source, '/bank/items/redrive/lane', '/partners/posts/process/p'])
    expect(
      await run.posted('posts', cloudEvent(taken, 'impostor'), { contentType: 'application/cloudevents+json' }),
    ).toMatchObject({ status: 400, body: { events: [{ reason: expect.stringContaining('is reserved for') }] } });
  await run.given('raw', [{ name: 'second' }]);
  await run.settled();
  expect(namesIn(run.table('items'))).toEqual(['first', 'second']);
});

test('a reader deduplicates the sources of those steps alone that the plan says write into its stream', async () => {
  const run = await givenPipeline(partners, { beside: [bank] });
  const records = ['/bank/cleaning/x', '/bank/till/process/p', '/bank/other/process/p'].map((source) =>
    record(JSON.stringify(cloudEvent(source, source))),
  );
  await run.given('clean', [...records, ...records]);
  await run.settled();
  expect(namesIn(run.table('items'))).toEqual([
    '/bank/cleaning/x',
    '/bank/till/process/p',
    '/bank/other/process/p',
    '/bank/till/process/p',
    '/bank/other/process/p',
  ]);
});
