import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { tableDefinition } from '../../../functions/table-state/table-handler.ts';
import { CartEvent } from '../../../functions/tables/basket.ts';
import { cartContents } from '../../../functions/tables/cart-contents.sql.ts';
import { REPOSITORY } from '../../../infra/repository.ts';
import { planFor } from '../../../infra/sql/compile.ts';
import { explain } from '../../../infra/sql/explain.ts';
import { logOf, sliceOf } from '../../contracts/slices.ts';
import { client, database, server, useFreshDatabases } from '../../functions/sinks/postgres/fresh-database.ts';

useFreshDatabases();

const ROWS = 4_000;

test('the bytes, the WAL and the cost that explain tells of a table are near what Postgres needs', async () => {
  const file = 'cart-contents.sql';
  const text = await readFile(join(REPOSITORY, 'functions/tables', file), 'utf8');
  const told = explain(await planFor({ file, text }, CartEvent, { makes: 'table' }));
  const [, stored, price] = told.match(/1,000,000 rows take about (\d+) MiB: \$(\S+) a month/) ?? [];
  const [, updated, inserted] =
    told.match(/at most about (\d+) MiB of WAL where they update rows, and (\d+) MiB/) ?? [];
  expect(Number(price)).toBeCloseTo((Number(stored) * 1024 ** 2 * 0.115) / 1e9, 1);

  const { host, port, user, password } = server;
  const { resources, open } = tableDefinition(cartContents);
  const login = resources.parse({ host, port, database, user, tls: 'off', auth: { password } });
  const sink = open({ step: 'shop/contents', options: undefined, resources: login });
  const events = logOf(
    Array.from({ length: ROWS }, (_, n) => {
      const data = { customer_id: `customer ${n}`, item: `item ${n}`, quantity: 1 };
      return { key: data.customer_id, type: 'item.added', data };
    }),
  );
  const numberOf = async (expression: string) =>
    Number((await client.query(`SELECT ${expression} AS number`)).rows[0]?.number);
  const wal = () => numberOf("pg_current_wal_insert_lsn() - '0/0'");
  const writing = async (previous: number) => {
    const before = await wal();
    expect(await sink.write(sliceOf({ step: 'shop/contents', events, previous, pageSize: 1_000 }))).toEqual([]);
    return (await wal()) - before;
  };
  await sink.loadProgress?.('shard', new AbortController().signal);
  const insertedBytes = await writing(0);
  const storedBytes = await numberOf(`pg_total_relation_size('shop."contents state 1"')`);
  const updatedBytes = await writing(1);
  const perMillion = (bytes: number) => (bytes / ROWS) * (1_000_000 / 1024 ** 2);
  for (const [real, said] of [
    [perMillion(storedBytes), Number(stored)],
    [perMillion(insertedBytes), Number(inserted)],
    [perMillion(updatedBytes), Number(updated)],
  ] as const) {
    expect(said).toBeGreaterThan(real * 0.5);
    expect(said).toBeLessThan(real * 2);
  }
});
