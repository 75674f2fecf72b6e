import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { columnsOf } from '../../../../functions/sinks/postgres/columns.ts';
import { dropSlot, findSlotToDrop } from '../../../../infra/cli/actions/drop-slot.ts';
import { schemaFromTable } from '../../../../infra/cli/actions/schema-from-table.ts';
import { withGivenDatabase } from '../../../../infra/cli/target/given-database.ts';
import { type PostgresServer, startPostgres } from '../../../kit/servers.ts';

let server: PostgresServer;
beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server?.stop());

async function fresh(create = 'SELECT 1'): Promise<string> {
  const database = await server.createDatabase();
  const client = await server.connect(database);
  await client.query(create);
  await client.end();
  const { host, port, user, password } = server;
  return `postgres://${user}:${password}@${host}:${port}/${database}`;
}

test('from-table writes a schema whose Postgres table has the types of the table', async () => {
  const url = await fresh(`CREATE SCHEMA sales; CREATE DOMAIN sales.cents AS bigint;
    CREATE TABLE sales.order_lines (id uuid PRIMARY KEY, n int NOT NULL, total sales.cents, price numeric(10,2), at timestamptz,
      local timestamp, day date, tags text[], js jsonb, "a b" bool NOT NULL)`);
  const code = await withGivenDatabase(url, (ask) => schemaFromTable(ask, 'sales.order_lines'));
  expect(code).toContain('export const OrderLines = z.object({');
  expect(code).toContain('  tags: z.array(z.string().nullable()).nullable().optional(),');
  expect(code).toContain('  "a b": z.boolean().optional(),');
  const body = code.slice(code.indexOf('z.object'), code.lastIndexOf(';'));
  const schema = new Function('z', `return ${body}`)(z) as z.ZodType;
  expect(columnsOf(schema).map(({ name, type }) => `${name} ${type}`)).toEqual([
    ...['id uuid', 'n integer', 'total bigint', 'price numeric', 'at timestamptz', 'local timestamp', 'day date'],
    ...['tags jsonb', 'js jsonb', 'a b boolean'],
  ]);
});

test('from-table leaves no field out of a deletion under REPLICA IDENTITY FULL', async () => {
  const url = await fresh('CREATE TABLE t (id int PRIMARY KEY, name text); ALTER TABLE t REPLICA IDENTITY FULL');
  const code = await withGivenDatabase(url, (ask) => schemaFromTable(ask, 't'));
  expect(code).toContain('  id: z.int32(),\n  name: z.string().nullable(),\n});');
});

test('from-table says that a table is missing, and what a database is written as', async () => {
  const url = await fresh();
  await expect(withGivenDatabase(url, (ask) => schemaFromTable(ask, 'nothing'))).rejects.toThrow(
    'the table nothing does not exist',
  );
  await expect(withGivenDatabase('crm', async () => 0)).rejects.toThrow("'crm' is no database; write postgres://");
});

test('drop-slot drops a slot that nobody reads, and names the slots of ours when there is none', async () => {
  const url = await fresh(`SELECT pg_create_logical_replication_slot('millrace_a_b_12345678', 'pgoutput')`);
  await withGivenDatabase(url, async (ask) => {
    await expect(findSlotToDrop(ask, 'millrace_x')).rejects.toThrow(
      "no slot 'millrace_x'; use one of millrace_a_b_12345678",
    );
    const found = await findSlotToDrop(ask, 'millrace_a_b_12345678');
    expect(found.confirmed).toMatch(/^[0-9A-F]+\/[0-9A-F]+$/);
    await dropSlot(ask, found);
    await expect(findSlotToDrop(ask, 'millrace_a_b_12345678')).rejects.toThrow(
      'none of its slots begins with millrace_',
    );
  });
});
