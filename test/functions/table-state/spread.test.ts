import { expect, test } from 'vitest';
import type { ReceivedEvent } from '../../../functions/runtime/event.ts';
import { MOST_PAGE_BYTES, type OpenSink, type Published } from '../../../functions/runtime/sink.ts';
import { matches } from '../../../functions/runtime/sql/joins/matches.ts';
import { tableDefinition } from '../../../functions/table-state/table-handler.ts';
import { type Given, logOf, sliceOf } from '../../contracts/slices.ts';
import { client, database, server, useFreshDatabases } from '../sinks/postgres/fresh-database.ts';

useFreshDatabases();

const named = matches({ entry: import.meta.url, streams: { left: 'orders', right: 'customers' }, shape: 'test' });

function openMatches(): OpenSink {
  const { host, port, password, user } = server;
  const { resources, open } = tableDefinition(named as never);
  const parsed = resources.parse({ host, port, database, user, tls: 'off', auth: { password } });
  const options = { changes: { before: false }, part: 'matches' };
  return open({ step: 'shop/named-matches', formerly: undefined, options, resources: parsed });
}

interface Writing {
  readonly previous?: number;
  readonly from?: string | undefined;
}

/** Writes the events behind a position, and resolves to what is published of them. */
async function write(sink: OpenSink, log: readonly ReceivedEvent[], { previous = 0, from }: Writing = {}) {
  let published: Published | undefined;
  const slice = sliceOf({
    step: 'shop/named-matches',
    events: log.filter(({ position }) => from === undefined || position > from),
    from: from as never,
    previous,
    outbox: (made) => {
      published = made;
      return { page: undefined, closes: [] };
    },
  });
  const rejections = await sink.write(slice);
  const answers = (published?.events ?? []).map(({ dataBytes }) => JSON.parse(Buffer.from(dataBytes).toString()));
  return { rejections, upTo: published?.upTo, answers: answers as { id: string; version: string; found: unknown }[] };
}

const note = (id: string, version: string | null, key = 'ann'): Given => ({
  key,
  data: { side: 'orders', key, row: { id, version } },
});
const customer = (row: object, type = 'customer.changed', key = 'ann'): Given => ({
  key,
  type,
  data: { side: 'customers', key, row },
});

const states = async (): Promise<readonly string[]> =>
  (
    await client.query<{ id: string }>(
      'SELECT "millrace id" AS id FROM shop."named-matches state 1" ORDER BY "millrace id" COLLATE "C"',
    )
  ).rows.map(({ id }) => id);

test('what a row has become is told to all that name it over several transactions, each once, and the position moves with the last', async () => {
  const sink = openMatches();
  const bio = 'x'.repeat(100_000);
  const orders = Array.from({ length: Math.ceil(MOST_PAGE_BYTES / bio.length) + 20 }, (_, i) => `o${100 + i}`);
  const log = logOf([
    ...orders.map((id) => note(id, `v${id}`)),
    note('other', 'v1', 'ann "o'),
    customer({ bio }),
    note('o999', 'v2'),
  ]);
  const first = await write(sink, log);
  expect(first.rejections).toEqual([]);
  expect(first.answers.filter(({ found }) => found === null)).toHaveLength(orders.length + 1);
  expect(first.upTo).toBe(log[orders.length]?.position);
  const second = await write(openMatches(), log, { previous: 1, from: first.upTo });
  expect(second.upTo).toBeUndefined();
  const told = [...first.answers, ...second.answers].filter(({ found }) => found !== null);
  expect(told.map(({ id, version }) => `${id} ${version}`)).toEqual([...orders.map((id) => `${id} v${id}`), 'o999 v2']);
  expect(second.answers.length).toBeGreaterThan(10);
});

test('a row of the right side that is deleted, and rows that leave it, leave nothing behind', async () => {
  const sink = openMatches();
  const log = logOf([customer({ name: 'Ann' }), note('o1', 'a'), note('o2', 'b'), note('o1', null)]);
  const { answers } = await write(sink, log);
  expect(answers).toEqual([
    { id: 'o1', version: 'a', found: { name: 'Ann' } },
    { id: 'o2', version: 'b', found: { name: 'Ann' } },
  ]);
  expect(await states()).toEqual(['"ann"', '"ann" "o2"']);
  const gone = await write(sink, logOf([customer({}, 'customer.deleted'), note('o2', null)]), { previous: 1 });
  expect(gone.answers).toEqual([{ id: 'o2', version: 'b', found: null }]);
  expect(await states()).toEqual([]);
});
