import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { expect, test } from 'vitest';
import { postgresSink } from '../../functions/sinks/postgres/postgres.ts';
import { postgresChangesSource } from '../../functions/sources/postgres-changes/postgres-changes.ts';
import { Customer } from '../../functions/transforms/customers.ts';
import { runDev } from '../../infra/local/dev.ts';
import { localTarget } from '../../infra/local/target.ts';
import { stepStatus } from '../../infra/operation/status/status.ts';
import { definePipeline } from '../../infra/pipelines/pipeline.ts';
import { planOf } from '../../infra/pipelines/plan.ts';
import { eventually, noDeadline } from '../eventually.ts';

/** The example pipeline `customers` without its join and its archive. */
const crm = definePipeline({
  name: 'customers',
  streams: { customers: { schema: Customer } },
  sources: { crm: { read: postgresChangesSource({ tables: ['crm.customers'], create: true }), to: 'customers' } },
  sinks: {
    mirror: {
      from: 'customers',
      write: postgresSink({ table: 'customers', key: ['customer_id'], mode: 'mirror', create: true }),
    },
  },
});
const [source] = planOf(crm, [crm]).steps;

const COLUMNS = 'customer_id, name, segment, city, credit, changed';

/** Counts the rows of either table that the other one does not have. */
const DIFFERENT = `SELECT count(*)::int AS count FROM (
    (SELECT ${COLUMNS} FROM crm.customers EXCEPT SELECT ${COLUMNS} FROM customers) UNION ALL
    (SELECT ${COLUMNS} FROM customers EXCEPT SELECT ${COLUMNS} FROM crm.customers)) AS different`;

test('dev follows a table of its Postgres that a CRM changes, also when that Postgres is killed, and status says where the source stands', async () => {
  const landing = await mkdtemp(join(tmpdir(), 'millrace-crm-'));
  const stop = new AbortController();
  let output = '';
  const print = (text: string): void => {
    output += `${text}\n`;
  };
  const dev = runDev({ pipelines: [crm], landing, ports: {}, write: false, trace: false }, print, stop.signal);
  // A test that fails reports that, and not what dev says to its end.
  dev.catch(() => undefined);
  try {
    const found = (pattern: RegExp) =>
      eventually(() => {
        const [, address = ''] = pattern.exec(output) ?? [];
        expect(address, output).not.toBe('');
        return address;
      });
    const url = await found(/(postgresql:\S+)/);
    expect(output).toContain('(customers/crm follows crm.customers, a table that changes each second here)');
    using target = localTarget(
      {
        kinesis: await found(/Kinesis +(\S+)/),
        dynamodb: await found(/DynamoDB +(\S+)/),
        s3: await found(/S3 and SQS +(\S+)/),
        sqs: await found(/S3 and SQS +(\S+)/),
        lambda: 'http://127.0.0.1:1',
        iceberg: 'http://127.0.0.1:1',
      },
      { host: '127.0.0.1', port: 1, name: '', user: '', password: '' },
    );
    const sourceStatus = async () => (await stepStatus(source!, target, noDeadline()))[0];
    /** Waits until the mirror has what a statement did, and is the table in every column. */
    const mirrored = async (change: string, shown: string, expected: unknown): Promise<void> => {
      await using database = await connected(url);
      await database.query(change);
      await eventually(async () => expect((await database.query(shown)).rows, output).toEqual(expected));
      await eventually(async () => expect((await database.query(DIFFERENT)).rows).toEqual([{ count: 0 }]));
    };

    const ann = `SELECT name, city FROM customers WHERE customer_id = 'ann'`;
    await eventually(async () => {
      await using database = await connected(url);
      expect((await database.query(`SELECT to_regclass('public.customers') AS is`)).rows).toEqual([
        { is: 'customers' },
      ]);
    });
    const insert = `INSERT INTO crm.customers VALUES ('ann', 'Ann', 'Consumer', 'Bern', 12.50)`;
    await mirrored(insert, ann, [{ name: 'Ann', city: 'Bern' }]);
    await mirrored(`UPDATE crm.customers SET city = 'Genf' WHERE customer_id = 'ann'`, ann, [
      { name: 'Ann', city: 'Genf' },
    ]);
    await mirrored(`DELETE FROM crm.customers WHERE customer_id = 'ann'`, ann, []);
    expect(await sourceStatus()).toMatchObject({ step: 'crm', state: 'running', deadLetters: 0 });

    await kill(url);
    await eventually(() => expect(output).toContain('Postgres runs again'));
    await eventually(async () => (await connected(url))[Symbol.asyncDispose]());
    await mirrored(insert, ann, [{ name: 'Ann', city: 'Bern' }]);
    await eventually(async () => expect(await sourceStatus()).toMatchObject({ state: 'running', deadLetters: 0 }));
  } finally {
    stop.abort();
    await dev;
    await rm(landing, { recursive: true, force: true });
  }
});

async function connected(url: string): Promise<pg.Client & AsyncDisposable> {
  const client = new pg.Client(url);
  client.on('error', () => undefined);
  await client.connect();
  return Object.assign(client, { [Symbol.asyncDispose]: () => client.end() });
}

/** Kills the server, as the machine would. */
async function kill(url: string): Promise<void> {
  await using database = await connected(url);
  const { rows } = await database.query<{ data_directory: string }>('SHOW data_directory');
  const [pid] = (await readFile(join(rows[0]?.data_directory ?? '', 'postmaster.pid'), 'utf8')).split('\n');
  process.kill(Number(pid), 'SIGKILL');
}
