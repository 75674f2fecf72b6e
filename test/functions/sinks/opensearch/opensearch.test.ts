import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { searchFieldsOf } from '../../../../functions/sinks/opensearch/fields.ts';
import { openSearchOver, openSearchSink } from '../../../../functions/sinks/opensearch/opensearch.ts';
import { type Given, logOf, sliceOf } from '../../../contracts/slices.ts';
import { noDeadline } from '../../../eventually.ts';
import { freshIndex, startSearch, type TestedSearch, WITHOUT_WAITING } from '../../../kit/search-server.ts';

let server: TestedSearch;

beforeAll(async () => {
  server = await startSearch();
});
afterAll(() => server.stop());

const Thing = z.object({ n: z.int(), at: z.iso.datetime().optional() });

/** Opens sinks of an index of its own, each as another process would. */
function freshSink(given: { create?: boolean; document?: 'event'; tombstoneDays?: number } = {}) {
  const name = freshIndex();
  const index = `test-${name}`;
  const { options } = openSearchSink({ endpoint: server.endpoint, index: name, ...given });
  const definition = openSearchOver(WITHOUT_WAITING);
  const open = (step = 'p/step', formerly?: string) =>
    definition.open({
      step,
      formerly,
      options: definition.options.parse(options),
      resources: { indexPrefix: 'test-', fields: [...searchFieldsOf(Thing)], laptop: { server: server.endpoint } },
    });
  return {
    index,
    open,
    async write(events: readonly Given[], versions?: readonly (bigint | undefined)[], sink = open()) {
      const versionOf = versions && (({ id }: { readonly id: string }) => versions[Number(id.slice('event-'.length))]);
      return sink.write(sliceOf({ events: logOf(events), ...(versionOf && { versionOf }) }));
    },
    async document(id: string) {
      return (await server.documents(index)).get(id);
    },
    async make(properties: object, dynamic?: string) {
      await server.ask('PUT', `/${index}`, JSON.stringify({ mappings: { ...(dynamic && { dynamic }), properties } }));
    },
    async mapping() {
      const { json } = await server.ask('GET', `/${index}/_mapping`);
      return (json as Readonly<Record<string, { readonly mappings: object }>>)[index]?.mappings;
    },
  };
}

const of = (n: number, key = 'a', type = 'thing.changed'): Given => ({ data: { n }, key, type });

test('a document is the latest event of its key, and older events and repeats change nothing', async () => {
  const { write, document } = freshSink();
  expect(await write([of(1), of(2), of(3, 'b')], [5n, 6n, 7n])).toEqual([]);
  await write([of(1)], [5n]);
  await write([of(9)], [6n]);
  expect(await document('a')).toEqual({ version: 6n, source: { n: 2 } });
  expect(await document('b')).toEqual({ version: 7n, source: { n: 3 } });
  await write([of(4)], [2n ** 63n - 3n]);
  await write([of(5)], [2n ** 63n - 2n]);
  expect(await document('a')).toEqual({ version: 2n ** 63n - 2n, source: { n: 5 } });
});

test('a field that the latest event no longer has is gone', async () => {
  const { write, document } = freshSink();
  await write([{ data: { n: 1, old: 'x' }, key: 'a' }], [1n]);
  await write([of(2)], [2n]);
  expect((await document('a'))?.source).toEqual({ n: 2 });
});

test('a deletion leaves a tombstone, which no older event replaces and a newer one does', async () => {
  const { write, document } = freshSink({ tombstoneDays: 2 });
  await write([of(1), of(0, 'a', 'thing.deleted')], [3n, 4n]);
  await write([of(1)], [3n]);
  const { version, source } = (await document('a')) as { version: bigint; source: Record<string, string> };
  expect([version, source.millrace_deleted]).toEqual([4n, true]);
  expect(Math.round((Date.parse(String(source.millrace_expires)) - Date.now()) / 86_400_000)).toBe(2);
  await write([of(7)], [5n]);
  expect(await document('a')).toEqual({ version: 5n, source: { n: 7 } });
});

test('an event without a version is written where its key is new, and is a dead letter where it is not', async () => {
  const { write, document } = freshSink();
  expect(await write([of(1)], [undefined])).toEqual([]);
  expect((await document('a'))?.source).toEqual({ n: 1 });
  expect(await write([of(2)], [undefined])).toMatchObject([
    { reason: 'refused', message: expect.stringContaining('its dead letter has no version') },
  ]);
  // The lowest version that there is.
  await write([of(3)], [2n ** 48n]);
  expect((await document('a'))?.source).toEqual({ n: 3 });
});

test('a document that OpenSearch refuses is a dead letter by itself, and the event before it of its key stays', async () => {
  const { write, document } = freshSink();
  const bad = (key: string): Given => ({ data: { n: 'two' }, key });
  const rejections = await write([of(1), bad('a'), of(3, 'b'), bad('c')], [1n, 2n, 3n, 4n]);
  expect(rejections).toMatchObject([
    { event: { id: 'event-1' }, message: expect.stringMatching(/^OpenSearch refuses the document: mapper_parsing/) },
    { event: { id: 'event-3' }, reason: 'refused' },
  ]);
  expect((await document('a'))?.source).toEqual({ n: 1 });
  expect((await document('b'))?.source).toEqual({ n: 3 });
  expect(await document('c')).toBeUndefined();
});

test('every event of a key that OpenSearch refuses is a dead letter, in the order of the log', async () => {
  const { write, document } = freshSink();
  const bad: Given = { data: { n: {} }, key: 'a' };
  const rejections = await write([bad, bad, of(2, 'b'), bad], [1n, 2n, 3n, 4n]);
  expect(rejections.map(({ event }) => event?.id)).toEqual(['event-0', 'event-1', 'event-3']);
  expect(await document('a')).toBeUndefined();
});

test('data is stored as it came, digit by digit, also where it has several lines', async () => {
  const { write, index } = freshSink();
  const json = '{\r\n  "n": 1,\n  "long": 12345678901234567890.10 }';
  expect(await write([{ data: {}, json, key: 'a' }])).toEqual([]);
  const answer = await fetch(`${server.endpoint}/${index}/_doc/a`);
  expect(await answer.text()).toContain('"long": 12345678901234567890.10');
});

test('what cannot be a document is a dead letter', async () => {
  const { write, document } = freshSink();
  const letters = await write([
    { data: [1], key: 'a' },
    of(2, 'k'.repeat(513)),
    of(3, ''),
    of(4, '\ud800'),
    of(5, 'millrace-step'),
    { data: {}, json: '{"n":1,"\\u006dillrace_deleted":true}', key: 'b' },
    of(7, 'k'.repeat(512)),
  ]);
  expect(letters.map(({ message }) => message)).toEqual([
    'its data is no object, and a document is made of an object',
    'its key has 513 bytes, and OpenSearch takes 1 to 512',
    'its key has 0 bytes, and OpenSearch takes 1 to 512',
    'its key has half a character, which OpenSearch does not take',
    "its key is 'millrace-step', which is the sink's own document",
    "it has a field 'millrace_deleted', which is the sink's own",
  ]);
  expect((await document('k'.repeat(512)))?.source).toEqual({ n: 7 });
});

test("an index of its own gets a field for each of the stream's schema, and no event adds one", async () => {
  const { write, mapping } = freshSink();
  await write([{ data: { n: 1, at: '2026-11-22T10:00:00Z', more: 'text' }, key: 'a' }]);
  expect(await mapping()).toMatchObject({ properties: { n: { type: 'long' }, at: { type: 'date' } } });
  expect(await mapping()).not.toMatchObject({ properties: { more: {} } });
});

test('an index of another step is refused when the sink opens it, and one of a renamed step is not', async () => {
  const { write, open } = freshSink();
  await write([of(1)]);
  await expect(write([of(2)], undefined, open('p/other'))).rejects.toThrow(
    /^the index test-\S+ belongs to the step p\/step, and the versions of two steps do not compare: give p\/other an index of its own$/,
  );
  expect(await write([of(2)], undefined, open('p/renamed', 'p/step'))).toEqual([]);
});

test('an index of other types is refused when the sink opens it, and nothing is rejected', async () => {
  const { write, make } = freshSink();
  await make({ n: { type: 'boolean' } });
  await expect(write([of(1)])).rejects.toThrow(
    "has the field n as boolean, and the stream's schema has a whole number there",
  );
});

test('an index that is strict and lacks a field is refused, and nothing is rejected', async () => {
  const own = {
    millrace_deleted: { type: 'boolean' },
    millrace_expires: { type: 'date' },
    millrace_owner: { type: 'keyword' },
  };
  const lacking = freshSink();
  await lacking.make({ ...own, n: { type: 'long' } }, 'strict');
  await expect(lacking.write([of(1)])).rejects.toThrow('takes no field at: it is strict');
  const whole = freshSink();
  await whole.make({ ...own, n: { type: 'long' }, at: { type: 'date' } }, 'strict');
  expect(await whole.write([of(1)])).toEqual([]);
  const { write, make } = freshSink();
  await make({ n: { type: 'long' }, at: { type: 'date' } }, 'strict');
  await expect(write([of(1)])).rejects.toThrow('takes no field millrace_deleted: it is strict');
});

test('an index that was made anew with other types holds the step, and its events are no dead letters', async () => {
  const { write, open, index, make } = freshSink();
  const sink = open();
  await write([of(1)], [1n], sink);
  await server.ask('DELETE', `/${index}`);
  await make({ n: { type: 'boolean' } });
  await expect(write([of(2)], [2n], sink)).rejects.toThrow('has the field n as boolean');
});

test('an index that was deleted while the step had a failure is made again', async () => {
  const { write, open, index, mapping } = freshSink();
  const sink = open();
  await write([of(1)], [1n], sink);
  await server.ask('DELETE', `/${index}`);
  await expect(sink.write({ ...sliceOf({ events: logOf([of(2)]) }), signal: AbortSignal.abort() })).rejects.toThrow();
  expect(await write([of(2)], [2n], sink)).toEqual([]);
  expect(await mapping()).toMatchObject({ properties: { n: { type: 'long' } } });
});

test('an index that is missing is named where the sink may not make it; a slice without events needs none', async () => {
  const { write, open } = freshSink({ create: false });
  await expect(write([of(1)])).rejects.toThrow(/^the index test-\S+ is missing: make it, or leave 'create' on$/);
  expect(await open().write(sliceOf({ events: [], to: logOf([of(1)])[0]!.position }))).toEqual([]);
});

test('no two processes get one generation, and it survives them', async () => {
  const { open, index } = freshSink();
  const next = () => open().generations?.next(0, noDeadline());
  expect((await Promise.all([next(), next(), next()])).toSorted()).toEqual([1, 2, 3]);
  expect(await next()).toBe(4);
  const highest =
    '{"index":{"_id":"millrace-step","version":32768,"version_type":"external"}}\n{"millrace_owner":"p/step"}\n';
  await server.ask('POST', `/${index}/_bulk`, highest);
  await expect(next()).rejects.toThrow('has had 32767 generations');
});

test('with an id for each event, all events of a key are there', async () => {
  const { write, document } = freshSink({ document: 'event' });
  await write([of(1), of(2), of(0, 'a', 'thing.deleted')]);
  expect((await document('event-0'))?.source).toEqual({ n: 1 });
  expect((await document('event-1'))?.source).toEqual({ n: 2 });
  expect((await document('event-2'))?.source).toMatchObject({ millrace_deleted: true });
});
