import { expect, test } from 'vitest';
import { z } from 'zod';
import { StaleCheckpoint } from '../../../functions/runtime/errors.ts';
import type { OpenSink, OutboxProgress, Published } from '../../../functions/runtime/sink.ts';
import { defineTable } from '../../../functions/runtime/table.ts';
import { tableDefinition } from '../../../functions/table-state/table-handler.ts';
import { type Given, logOf, sliceOf } from '../../contracts/slices.ts';
import { noDeadline } from '../../eventually.ts';
import { client, database, server, useFreshDatabases } from '../sinks/postgres/fresh-database.ts';

useFreshDatabases();

const Note = z.object({ id: z.string(), text: z.string() });

const notes = defineTable({
  entry: import.meta.url,
  from: Note,
  row: Note,
  key: ['id'],
  reduce: (_, { data }) => (data.text === '' ? undefined : data),
});

const SHARD = 'stream/shardId-000000000000';

function openNotes({ step = 'shop/notes', formerly }: { step?: string; formerly?: string } = {}): OpenSink {
  const { host, port, password, user } = server;
  const { resources, open } = tableDefinition(notes);
  const parsed = resources.parse({ host, port, database, user, tls: 'off', auth: { password } });
  return open({ step, formerly, options: { changes: { before: false } }, resources: parsed });
}

const note = (id: string, text: string): Given => ({ key: id, data: { id, text } });

interface Writing {
  readonly previous?: number;
  readonly shard?: string;
  readonly step?: string;
  readonly closes?: OutboxProgress['closes'];
}

/** Writes a slice. Its page is the JSON of what is published. */
async function write(sink: OpenSink, given: readonly Given[], { closes = [], ...of }: Writing = {}) {
  let published: Published | undefined;
  const outbox = (made: Published | undefined): OutboxProgress => {
    published = made;
    const texts = made?.events.map(({ type, dataBytes }) => `${type} ${Buffer.from(dataBytes)}`) ?? [];
    return { page: texts.length === 0 ? undefined : Buffer.from(texts.join('\n')), closes };
  };
  const slice = sliceOf({ step: 'shop/notes', events: logOf(given), outbox, ...of });
  const rejections = await sink.write(slice);
  return { rejections, published };
}

async function loaded(sink: OpenSink, shard = SHARD) {
  const progress = await sink.loadProgress?.(shard, noDeadline());
  return progress && { revision: progress.revision, page: progress.page && Buffer.from(progress.page).toString() };
}

test('the page of a slice is committed with its rows, and the page of the next slice takes its place', async () => {
  const sink = openNotes();
  expect(await loaded(sink)).toBeUndefined();
  await write(sink, [note('a', 'x'), note('b', 'y')]);
  const page = 'notes.inserted {"id":"a","text":"x"}\nnotes.inserted {"id":"b","text":"y"}';
  expect(await loaded(sink)).toEqual({ revision: 1, page });
  await write(sink, [note('a', 'z')], { previous: 1 });
  expect(await loaded(sink)).toEqual({ revision: 2, page: 'notes.updated {"id":"a","text":"z"}' });
  await write(sink, [note('a', 'z')], { previous: 2 });
  expect(await loaded(sink)).toEqual({ revision: 3, page: undefined });
});

test('a transaction that is too late leaves neither rows nor a page', async () => {
  const sink = openNotes();
  await write(sink, [note('a', 'x')]);
  await expect(write(openNotes(), [note('a', 'late')])).rejects.toThrow(StaleCheckpoint);
  expect(await loaded(sink)).toEqual({ revision: 1, page: 'notes.inserted {"id":"a","text":"x"}' });
  expect((await client.query('SELECT text FROM shop.notes')).rows).toEqual([{ text: 'x' }]);
});

test('a page counts only with the revision that it was committed with', async () => {
  const sink = openNotes();
  await write(sink, [note('a', 'x')]);
  await client.query('UPDATE millrace_progress SET revision = 2');
  expect(await loaded(sink)).toEqual({ revision: 2, page: undefined });
});

test('a renamed step gets the page that its former name has left', async () => {
  await write(openNotes(), [note('a', 'x')]);
  const renamed = openNotes({ step: 'shop/memos', formerly: 'shop/notes' });
  expect(await loaded(renamed)).toEqual({ revision: 0, page: 'notes.inserted {"id":"a","text":"x"}' });
  await write(renamed, [note('a', 'y')], { step: 'shop/memos' });
  expect(await loaded(renamed)).toEqual({ revision: 1, page: 'memos.updated {"id":"a","text":"y"}' });
});

test('a shard that begins closes its parents in the same transaction, also one that has nothing stored', async () => {
  const sink = openNotes();
  await write(sink, [note('a', 'x')]);
  const closes = [
    { shard: SHARD, previous: 1, revision: 2, state: 'closed' },
    { shard: 'stream/empty', previous: 0, revision: 1, state: 'closed too' },
  ];
  await write(sink, [note('a', 'y')], { shard: 'stream/child', closes });
  expect(
    (await client.query('SELECT shard, revision, state FROM millrace_progress ORDER BY shard')).rows,
  ).toMatchObject([
    { shard: 'stream/child', revision: '1' },
    { shard: 'stream/empty', revision: '1', state: 'closed too' },
    { shard: SHARD, revision: '2', state: 'closed' },
  ]);
  await expect(write(sink, [note('a', 'late')], { previous: 1 })).rejects.toThrow(StaleCheckpoint);
  expect((await client.query('SELECT text FROM shop.notes')).rows).toEqual([{ text: 'y' }]);
});

test('a shard does not begin when a parent has moved since it was loaded', async () => {
  const sink = openNotes();
  await write(sink, [note('a', 'x')]);
  await write(sink, [note('a', 'y')], { previous: 1 });
  const closes = [{ shard: SHARD, previous: 1, revision: 2, state: 'closed' }];
  await expect(write(sink, [note('a', 'z')], { shard: 'stream/child', closes })).rejects.toThrow(StaleCheckpoint);
  expect(await loaded(sink, 'stream/child')).toBeUndefined();
  expect((await client.query('SELECT text FROM shop.notes')).rows).toEqual([{ text: 'y' }]);
});

test('a slice ends before its changes are more than a page has, and the rest is another slice', async () => {
  const sink = openNotes();
  const given = Array.from({ length: 340 }, (_, index) => note(`n${index}`, 'x'.repeat(100_000)));
  const first = await write(sink, given);
  const taken = first.published?.events.length ?? 0;
  expect(taken).toBeGreaterThan(320);
  expect(taken).toBeLessThan(336);
  expect(first.published?.upTo).toBe(logOf(given)[taken - 1]?.position);
  expect((await client.query('SELECT count(*)::int AS n FROM shop.notes')).rows).toEqual([{ n: taken }]);
});
