import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { PULLED_EVENTS } from '../../../../functions/runtime/source.ts';
import {
  postgresQueryDefinition,
  postgresQuerySource,
} from '../../../../functions/sources/postgres-query/postgres-query.ts';
import { noDeadline } from '../../../eventually.ts';
import { type PostgresServer, startPostgres } from '../../../kit/servers.ts';
import { type Followed, followTables } from '../postgres-changes/open-changes.ts';

const ROWS = 300;

const plain = fc.string({ unit: fc.constantFrom(...'ab"\\,(){} \t\n\r\b\f\u0001\u007fäé€😀') });
const whole = fc.integer({ min: -32_768, max: 32_767 });
const small = fc.integer({ min: 0, max: 999 });
const moment = fc.oneof(
  fc.constantFrom('infinity', '-infinity', '0044-03-15 12:00:00 BC', '12026-01-31 12:00:00'),
  fc.integer({ min: 0, max: 4_000_000_000_000 }).map((millis) => new Date(millis).toISOString().slice(0, -1)),
);
const span = fc.tuple(small, small).map(([days, seconds]) => `${days} days ${seconds} seconds`);
const number = fc.oneof(fc.constantFrom('NaN', '1e-7', '0.10', '123456789012345678901.5'), whole.map(String));
const quoted = (text: string) => `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
const pair = fc.tuple(whole, plain, span).map(([a, b, c]) => `(${a},${quoted(b)},${quoted(c)})`);
const range = fc.tuple(small, small).map(([from, length]) => `[${from},${from + length})`);
const inet = fc.tuple(small, fc.constantFrom('', '/24')).map(([byte, mask]) => `10.0.0.${byte % 256}${mask}`);
const listOf = (values: fc.Arbitrary<string>) =>
  fc.array(fc.option(values, { nil: null }), { maxLength: 4 }).map(listText);
const listText = (values: readonly (string | null)[]) =>
  `{${values.map((value) => (value === null ? 'NULL' : quoted(value))).join(',')}}`;
const flag = fc.boolean().map(String);
const json = fc.json({ maxDepth: 2 }).map((text) => text.replaceAll('\\u0000', ''));
const wholeText = whole.map(String);

/** Each column: its name, its type, and values of it as Postgres reads them. */
const COLUMNS: readonly (readonly [name: string, type: string, values: fc.Arbitrary<string>])[] = [
  ['flag', 'boolean', flag],
  ['big', 'bigint', wholeText],
  ['amount', 'numeric', number],
  ['real', 'float4', number],
  ['double', 'float8', number],
  ['number_of', 'oid', small.map(String)],
  ['label', 'text', plain],
  ['padded', 'char(4)', fc.constantFrom('', 'a', 'a"b', 'abcd')],
  ['at', 'timestamptz', moment],
  ['local', 'timestamp', moment],
  ['day', 'date', moment],
  ['hour', 'time', small.map((minute) => `${minute % 24}:00:${minute % 60}`)],
  ['span', 'interval', span],
  ['raw', 'bytea', small.map((value) => `\\x${value.toString(16).padStart(4, '0')}`)],
  ['address', 'inet', inet],
  ['net', 'cidr', small.map((byte) => `10.0.${byte % 256}.0/24`)],
  ['mood', 'mood', fc.constantFrom('good', 'so so')],
  ['doc', 'jsonb', json],
  ['doc_text', 'json', json],
  ['place', 'point', whole.map((value) => `(${value},1)`)],
  ['range', 'int4range', range],
  ['ranges', 'int4multirange', range.map((one) => `{${one}}`)],
  ['pair', 'pair', pair],
  ['outer_pair', 'outer_pair', pair.map((one) => `(${quoted(one)},t)`)],
  ['size', 'size', small.map(String)],
  ['pair_domain', 'pair_domain', pair],
  ['sizes_domain', 'sizes', listOf(small.map(String))],
  ['wholes', 'int[]', listOf(wholeText)],
  ['amounts', 'numeric[]', listOf(number)],
  ['doubles', 'float8[]', listOf(number)],
  ['numbers_of', 'oid[]', listOf(small.map(String))],
  ['labels', 'text[]', listOf(plain)],
  ['grid', 'text[]', fc.tuple(plain, plain).map(([a, b]) => `{{${quoted(a)}},{${quoted(b)}}}`)],
  ['padded_list', 'char(4)[]', listOf(fc.constantFrom('', 'a', 'abcd'))],
  ['moments', 'timestamptz[]', listOf(moment)],
  ['locals', 'timestamp[]', listOf(moment)],
  ['days', 'date[]', listOf(moment)],
  ['spans', 'interval[]', listOf(span)],
  ['flags', 'boolean[]', listOf(flag)],
  ['docs', 'jsonb[]', listOf(json)],
  ['addresses', 'inet[]', listOf(inet)],
  ['moods', 'mood[]', listOf(fc.constantFrom('good', 'so so'))],
  ['range_list', 'int4range[]', listOf(range)],
  ['pairs', 'pair[]', listOf(pair)],
  ['size_list', 'size[]', listOf(small.map(String))],
  ['pair_domains', 'pair_domain[]', listOf(pair)],
  ['boxes', 'box[]', fc.constantFrom('{(1,1),(0,0);(3,3),(2,2)}')],
  ['vector', 'int2vector', fc.constantFrom('1 2 3')],
];

const CREATE = `CREATE TYPE mood AS ENUM ('good', 'so so');
  CREATE TYPE pair AS (a int, b text, c interval);
  CREATE TYPE outer_pair AS (inner_pair pair, flag boolean);
  CREATE DOMAIN size AS int CHECK (value >= 0);
  CREATE DOMAIN pair_domain AS pair;
  CREATE DOMAIN sizes AS int[];
  CREATE TABLE things (id int PRIMARY KEY, ${COLUMNS.map(([name, type]) => `${name} ${type}`).join(', ')})`;

let server: PostgresServer;
let followed: Followed;
beforeAll(async () => {
  server = await startPostgres();
});
afterAll(async () => {
  await followed?.close();
  await server?.stop();
});

test('a row has the same JSON by the log and by a query, byte for byte, whatever its types', async () => {
  followed = await followTables(server, {
    create: CREATE,
    tables: ['things'],
    fields: ['id', ...COLUMNS.map(([name]) => name)].map((name) => ({ name })),
  });
  const begun = await followed.begin();
  const seed = Number(process.env.SEED ?? Date.now() % 1_000_000);
  const rows = fc.sample(fc.tuple(...COLUMNS.map(([, , values]) => fc.option(values, { nil: null, freq: 20 }))), {
    numRuns: ROWS,
    seed,
  });
  const cells = COLUMNS.map(([, type], index) => `$${index + 2}::text::${type}`).join(', ');
  for (const [index, row] of rows.entries())
    await followed.client.query(`INSERT INTO things SELECT $1::int, ${cells}`, [index, ...row]);

  const byLog = dataById(await followed.run(begun));
  const byQuery = dataById(await readByQuery());
  expect(byLog.size, `seed ${seed}`).toBe(ROWS);
  for (const [id, data] of byLog) expect(byQuery.get(id), `seed ${seed}, row ${id}`).toBe(data);
});

async function readByQuery() {
  const names = ['id', ...COLUMNS.map(([name]) => name)];
  const schema = z.object(Object.fromEntries(names.map((name) => [name, z.any()])));
  const { options } = postgresQuerySource({ table: 'things', schema, type: 'thing.read', key: 'id' as never });
  const { host, port, user, password } = server;
  const source = postgresQueryDefinition.open({
    step: 'pipeline/step',
    pipelines: [],
    options: postgresQueryDefinition.options.parse(JSON.parse(JSON.stringify(options))),
    resources: postgresQueryDefinition.resources.parse({
      host,
      port,
      database: followed.database,
      user,
      auth: { password },
      tls: 'off',
    }),
  });
  const turn = { ending: noDeadline(), signal: noDeadline(), most: PULLED_EVENTS };
  const pages = [];
  for await (const page of source.read(undefined, turn)) pages.push(page);
  expect(pages.flatMap(({ rejections }) => rejections)).toEqual([]);
  return pages;
}

function dataById(
  pages: readonly { readonly events: readonly { readonly key: string; readonly dataBytes: Uint8Array }[] }[],
): ReadonlyMap<string, string> {
  return new Map(
    pages.flatMap(({ events }) =>
      events.map(({ key, dataBytes }) => [key, Buffer.from(dataBytes).toString()] as const),
    ),
  );
}
