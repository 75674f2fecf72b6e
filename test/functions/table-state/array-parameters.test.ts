import { expect, test } from 'vitest';
import { arrayOf } from '../../../functions/table-state/array-parameters.ts';
import { client, useFreshDatabases } from '../sinks/postgres/fresh-database.ts';

useFreshDatabases();

test.each([
  [[]],
  [['']],
  [['a', undefined, '', 'NULL', '{x,"y"}', 'back\\slash', 'Nä🫖', ' blank ']],
  [Array.from({ length: 2_000 }, (_, index) => (index % 3 === 0 ? undefined : `value ${index}`))],
])('Postgres reads the values of an array as they were given: case %#', async (values) => {
  const { rows } = await client.query('SELECT to_json($1::text[]) AS read', [arrayOf(values)]);
  expect(rows[0].read).toEqual(values.map((value) => value ?? null));
});
