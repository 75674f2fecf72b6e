import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { EventRejected } from '../../../functions/runtime/errors.ts';
import { jsonFromText, jsonText } from '../../../functions/runtime/sql/json/json.ts';
import { createWriter } from '../../../functions/runtime/sql/json/json-writer.ts';
import { createRow } from '../../../functions/runtime/sql/row/row.ts';
import { runStatement } from '../../../functions/runtime/sql/sql-transform.ts';
import { planFor } from '../../../infra/sql/compile.ts';
import { statementOf } from '../../../infra/sql/emit/statement-of.ts';
import type { Oracle } from './oracle.ts';
import { startOracle } from './oracle.ts';
import type { Random } from './random.ts';
import { seeded } from './random.ts';

const Order = z.object({
  order_id: z.int(),
  status: z.string().nullable(),
  sales: z.number(),
  quantity: z.int32().nullable(),
  paid: z.boolean().nullable(),
  tags: z.array(z.string()).nullable(),
  items: z.array(z.object({ sku: z.string(), qty: z.int32().nullable() })),
  address: z.object({ city: z.string(), zip: z.string().nullable() }).nullable(),
  payload: z.json(),
  placed: z.iso.datetime().nullable(),
  day: z.iso.date().nullable(),
  uid: z.uuid().nullable(),
  ratio: z.float64().nullable(),
});

const STATEMENTS = [
  'SELECT * FROM orders',
  "SELECT * FROM orders WHERE status = 'COMPLETE'",
  "SELECT order_id, sales FROM orders WHERE 'COMPLETE' = status AND sales > 10",
  "SELECT order_id AS id, status AS state FROM orders WHERE status <> 'COMPLETE'",
  "SELECT order_id FROM orders WHERE status IN ('COMPLETE', 'é😀', 'line' || chr(10))",
  'SELECT order_id FROM orders WHERE status IS NULL OR paid',
  'SELECT order_id FROM orders WHERE NOT paid',
  'SELECT sales, order_id, round(sales * 1.21, 2) AS gross, sales / 3 AS third FROM orders',
  "SELECT order_id, upper(status) AS state, coalesce(status, '?') || '!' AS loud, length(status) AS size FROM orders",
  "SELECT CASE WHEN sales > 100 THEN 'large' WHEN sales > 10 THEN 'medium' ELSE 'small' END AS size, quantity FROM orders",
  'SELECT order_id, 100 / quantity AS share FROM orders',
  'SELECT quantity + 2147483600 AS sum, quantity * 1.5 AS scaled FROM orders',
  'SELECT (address).city, (address).zip AS zip, address FROM orders',
  "SELECT order_id FROM orders WHERE (address).city LIKE 'A%'",
  'SELECT order_id, tags[1] AS first, cardinality(tags) AS n, tags || array[status] AS more FROM orders',
  "SELECT order_id FROM orders WHERE 'a' = ANY(tags)",
  "SELECT payload -> 'a' AS a, payload ->> 'b' AS b, payload #>> '{c,0}' AS c0, jsonb_typeof(payload) AS kind FROM orders",
  'SELECT order_id, sku, qty FROM orders, unnest(items) AS item',
  'SELECT o.order_id, i.sku, i.qty * o.sales AS worth FROM orders o CROSS JOIN LATERAL unnest(o.items) AS i WHERE i.qty > 1',
  'SELECT order_id, tag FROM orders, unnest(tags) AS tag WHERE tag IS NOT NULL AND status IS NOT NULL',
  'SELECT order_id, tag FROM orders, unnest(CASE WHEN paid THEN NULL ELSE tags END) AS tag',
  'SELECT ARRAY[placed] AS moments, placed::text AS moment FROM orders WHERE placed IS NOT NULL',
  'SELECT order_id, tag, sku FROM orders, unnest(tags) AS t(tag), unnest(items) AS item',
  'SELECT i.code, qty FROM orders, unnest(items) AS i(code) WHERE code IS NOT NULL',
  'SELECT i.qty AS code, sku * 2 AS twice FROM orders, unnest(items) AS i(qty, sku)',
  "SELECT date_trunc('hour', placed) AS hour, placed + interval '1 month' AS later, extract(dow FROM placed) AS dow, day - 1 AS eve, day FROM orders",
  "SELECT placed::date AS d, placed > '2026-01-01' AS recent, day = placed::date AS same FROM orders",
  'SELECT uid, ratio, ratio * 2 AS twice, ratio::numeric AS exact, uid::text AS uid_text FROM orders',
  "SELECT jsonb_build_object('id', order_id, 'tags', tags, 'paid', paid, 'at', day) AS doc, to_jsonb(sales) AS s FROM orders",
  "SELECT status, paid, sales FROM orders WHERE paid IS NOT TRUE AND sales BETWEEN 0 AND 1000 AND status NOT LIKE '%x'",
  'SELECT payload FROM orders WHERE payload IS NOT NULL',
  'SELECT order_id FROM orders WHERE order_id > 9007199254740992',
  "SELECT md5(status) AS h, encode(sha256(convert_to(status, 'UTF8')), 'hex') AS sha FROM orders",
];

let oracle: Oracle;
beforeAll(async () => {
  oracle = await startOracle();
  await oracle.client.query(`
    create type item as (sku text, qty int);
    create type address as (city text, zip text);
    create table orders (n int, order_id bigint, status text, sales numeric, quantity int, paid boolean, tags text[], items item[], address address,
      payload jsonb, placed timestamptz, day date, uid uuid, ratio float8)`);
  for (const [n, text] of EVENTS.entries())
    await oracle.client.query(
      'insert into orders select $1, r.* from (select (jsonb_populate_record(null::orders, $2::jsonb)).*) q(n_, order_id, status, sales, quantity, paid, tags, items, address, payload, placed, day, uid, ratio), lateral (select order_id, status, sales, quantity, paid, tags, items, address, payload, placed, day, uid, ratio) r',
      [n, text],
    );
});
afterAll(() => oracle.stop());

const EVENTS: readonly string[] = makeEvents(seeded(20261122), 60);

/**
 * Events as text, with what JSON.stringify cannot write: numbers beyond doubles, escapes, odd spaces, shuffled and
 * missing keys.
 */
function makeEvents(random: Random, count: number): readonly string[] {
  return Array.from({ length: count }, () => {
    const maybe = (share: number, value: string): string | undefined => (random.chance(share) ? value : undefined);
    const item = (): string =>
      `{"sku": ${random.pick(['"a"', '"\\u0062"'])}, "qty": ${random.pick(['1', '2', 'null', '-3'])}}`;
    const list = (item: () => string): string => `[${Array.from({ length: random.below(4) }, item).join(',')}]`;
    const fields: Record<string, string | undefined> = {
      order_id: random.pick(['1', '42', '9007199254740993', '-7']),
      status: maybe(
        0.9,
        random.pick([
          '"COMPLETE"',
          '"C\\u004fMPLETE"',
          '"NEW"',
          'null',
          '"é😀"',
          '"\\u00e9\\ud83d\\ude00"',
          '"line\\n"',
          '""',
          '"x\\"y\\\\"',
        ]),
      ),
      sales: random.pick(['12.5', '0', '-0.01', '1e2', '123456789012345678.125', '10', '1000.00']),
      quantity: maybe(0.9, random.pick(['1', '3', '0', '47', '48', 'null', '-5'])),
      paid: maybe(0.8, random.pick(['true', 'false', 'null'])),
      tags: maybe(0.8, random.pick(['null', '[]', '["a"]', '["b", null, "a"]', '["\\u0061", "é"]'])),
      items: list(item),
      address: maybe(
        0.8,
        random.pick([
          'null',
          '{"city": "Amsterdam", "zip": null}',
          '{"zip": "1", "city": "\\u0041a"}',
          '{"city":"Oslo","zip":"0150"}',
        ]),
      ),
      payload: random.pick([
        '{"a": 1.50, "b": "x", "c": [true, {"d": null}]}',
        '[1, "two"]',
        '"text"',
        '12345678901234567890',
        'true',
        '{"b": null}',
      ]),
      placed: maybe(
        0.8,
        random.pick(['"2026-11-22T18:34:56.789Z"', '"1999-12-31T23:59:59Z"', 'null', '"2024-02-29T00:00:00.000001Z"']),
      ),
      day: maybe(0.8, random.pick(['"2026-11-22"', '"2024-02-29"', 'null'])),
      uid: maybe(0.8, random.pick(['"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"', 'null'])),
      ratio: maybe(0.8, random.pick(['0.1', '1e-7', 'null', '2', '-1.5e300'])),
    };
    const entries = Object.entries(fields).filter((entry): entry is [string, string] => entry[1] !== undefined);
    if (random.chance(0.3)) entries.sort(() => random.below(3) - 1);
    if (random.chance(0.3)) entries.push(['unknown', '[{"x": "}"}, "\\""]']);
    // The last of a repeated key counts, as in Postgres.
    if (random.chance(0.1)) entries.unshift(['status', '"NEW"'], ['sales', '1']);
    const gap = random.pick(['', '', ' ', '\t']);
    return `{${entries.map(([name, value]) => `${gap}"${name}":${gap}${value}`).join(',')}}`;
  });
}

describe('a statement has the same outputs for events as Postgres has for rows', () => {
  test.each(STATEMENTS)('%s', async (text) => {
    const statement = statementOf(await planFor({ file: 'test.sql', text }, Order));
    const row = createRow(statement.columns);
    for (const [n, event] of EVENTS.entries()) {
      const query = text.replace(
        'FROM orders',
        `FROM (SELECT order_id, status, sales, quantity, paid, tags, items, address, payload, placed, day, uid, ratio FROM orders WHERE n = ${n})${/FROM orders o\b/.test(text) ? '' : ' AS orders'}`,
      );
      const [expected] = await oracle.attempt([
        `select coalesce(jsonb_agg(to_jsonb(q)), '[]')::text from (${query}) q`,
      ]);
      const outputs: string[] = [];
      const writer = createWriter();
      const emit = (): void => {
        outputs.push(writer.buffer.toString('utf8', 0, writer.length));
        writer.length = 0;
      };
      const attributes = { key: 'k', time: '2026-01-01T00:00:00Z', source: 's', id: 'i', type: 't' };
      let rejected = false;
      try {
        runStatement(statement, { row, event: attributes, bytes: Buffer.from(event), target: { writer, emit } });
      } catch (error) {
        if (!(error instanceof EventRejected)) throw error;
        rejected = true;
      }
      const theirs = expected?.code == null ? plainZones(expected?.value ?? '') : 'rejected';
      expect(rejected ? 'rejected' : plainZones(jsonText(jsonFromText(`[${outputs.join(',')}]`))), event).toBe(theirs);
    }
  });
});

/** Both are UTC: Postgres writes +00:00, we Z; it keeps what -1.5e300 and 1e2 were as numerics. */
function plainZones(text: string): string {
  return jsonText(jsonFromText(text.replaceAll('+00:00"', 'Z"'))).replace(
    /(T\d\d:\d\d:\d\d(?:\.\d*?[1-9])?)\.?0*Z"/g,
    '$1Z"',
  );
}
