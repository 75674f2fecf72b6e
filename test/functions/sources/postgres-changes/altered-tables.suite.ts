import { describe, expect, test } from 'vitest';
import { changesIn, type Field, followTables } from './open-changes.ts';
import { server } from './server.ts';

const NAME = { name: 'name', accepts: ['string', 'null'] };
const REQUIRED = { name: 'name', accepts: ['string'], isRequired: true };
const COUNT = { name: 'n', accepts: ['number', 'null'] };

const NO_COLUMN =
  "the stream's schema has a field 'name', and the table t has no such column: remove the field, make it optional, or alter table t add column \"name\"";
const NO_TABLE = 'the table t does not exist, or this user may not see it: correct its name';

interface Altered {
  /** What the docs say of the statement. */
  readonly what: string;
  readonly alter: string;
  /** What is written behind it; by default a row. */
  readonly write?: string;
  readonly fields?: readonly Field[];
  /** The data of the events that follow in the run that reads the statement. */
  readonly data: readonly object[];
  readonly leftOut?: readonly string[];
  /** What the next run says. Undefined: it reads on. */
  readonly stops?: string;
}

const INSERT = `INSERT INTO t (id) VALUES (2)`;

/** One line for each line of docs/databases.md#when-a-table-is-altered. */
const ALTERED: readonly Altered[] = [
  {
    what: 'ADD COLUMN leaves the column out, and rows that are there do not come again',
    alter: 'ALTER TABLE t ADD COLUMN colour int DEFAULT 3',
    data: [{ id: 2, name: null }],
    leftOut: ['t.colour', 't.n'],
  },
  {
    what: 'DROP COLUMN of an optional field leaves the field out',
    alter: 'ALTER TABLE t DROP COLUMN name',
    data: [{ id: 2 }],
  },
  {
    what: 'DROP COLUMN of a field that the schema requires stops the next run',
    alter: 'ALTER TABLE t DROP COLUMN name',
    fields: [REQUIRED],
    data: [{ id: 2 }],
    stops: NO_COLUMN,
  },
  {
    what: 'RENAME COLUMN of an optional field leaves the field and the new name out',
    alter: 'ALTER TABLE t RENAME COLUMN name TO called',
    data: [{ id: 2 }],
    leftOut: ['t.called', 't.n'],
  },
  {
    what: 'RENAME COLUMN of a field that the schema requires stops the next run',
    alter: 'ALTER TABLE t RENAME COLUMN name TO called',
    fields: [REQUIRED],
    data: [{ id: 2 }],
    stops: NO_COLUMN,
  },
  {
    what: 'TYPE that the field takes gives values of the new type, and rows that are rewritten do not come again',
    alter: 'ALTER TABLE t ALTER COLUMN n TYPE numeric(9, 2)',
    write: 'INSERT INTO t (id, n) VALUES (2, 1.25)',
    fields: [COUNT],
    data: [{ id: 2, n: 1.25 }],
  },
  {
    what: 'TYPE that the field does not take gives values that readers refuse, and stops the next run',
    alter: 'ALTER TABLE t ALTER COLUMN n TYPE text',
    write: `INSERT INTO t (id, n) VALUES (2, 'many')`,
    fields: [COUNT],
    data: [{ id: 2, n: 'many' }],
    stops:
      "the column n of the table t is text, and the stream's schema takes number or null there: change the field (millrace schema from-table writes a schema that fits)",
  },
  {
    what: 'DROP NOT NULL of a field that takes no null gives nulls that readers refuse, and stops the next run',
    alter: 'ALTER TABLE t ALTER COLUMN name DROP NOT NULL, ALTER COLUMN name DROP DEFAULT',
    fields: [REQUIRED],
    data: [{ id: 2, name: null }],
    stops:
      'the column name of the table t may be null, and the stream\'s schema takes no null there: add .nullable() to the field, or alter table t alter column "name" set not null',
  },
  {
    what: 'RENAME TO ends what comes of the table, and stops the next run',
    alter: 'ALTER TABLE t RENAME TO u',
    write: 'INSERT INTO u (id) VALUES (2)',
    data: [],
    stops: NO_TABLE,
  },
  {
    what: 'DROP TABLE has no event for its rows, and stops the next run',
    alter: 'DROP TABLE t',
    write: 'SELECT 1',
    data: [],
    stops: NO_TABLE,
  },
];

describe('a table that is altered', () => {
  test.each(ALTERED.map((altered) => [altered.what, altered] as const))('%s', async (_, altered) => {
    const { alter, write = INSERT, fields = [NAME], data, leftOut, stops } = altered;
    const isStrict = fields.includes(REQUIRED) ? `NOT NULL DEFAULT 'x'` : '';
    const field = ({ name, accepts = [], isRequired = false }: Field) => ({ name, accepts, isRequired });
    const { client, begin, run, close } = await followTables(server, {
      create: `CREATE TABLE t (id int PRIMARY KEY, name text ${isStrict}, n int); INSERT INTO t VALUES (1, 'a', 1);
        CREATE TABLE mark (id int PRIMARY KEY)`,
      tables: { altered: 't', marks: 'mark' },
      fields: [],
      login: { outputs: { altered: [{ name: 'id' }, ...fields].map(field), marks: [field({ name: 'id' })] } },
    });
    const start = await begin();
    let isAltered = false;
    const pages = await run(start, {
      until: ({ events }) => events.some(({ type }) => type === 'mark.inserted'),
      // The run is under way.
      async onPage() {
        if (isAltered) return;
        isAltered = true;
        await client.query(`${alter}; ${write}`);
        await client.query('INSERT INTO mark VALUES (1)');
      },
    });
    const seen = changesIn(pages).filter(([type]) => type.startsWith('t.'));
    expect(seen.map(([, , row]) => row)).toEqual(data);
    if (leftOut !== undefined) expect(pages.at(-1)?.position.leftOut).toEqual(leftOut);
    const next = run(pages.at(-1)?.position);
    if (stops === undefined) expect(changesIn(await next)).toEqual([]);
    else await expect(next).rejects.toThrow(stops);
    await close();
  });

  test('sends nothing for rows that go with DETACH PARTITION, or with TRUNCATE of a partition', async () => {
    const { client, begin, run, close } = await followTables(server, {
      create: `CREATE TABLE t (id int PRIMARY KEY, name text) PARTITION BY RANGE (id);
        CREATE TABLE low PARTITION OF t FOR VALUES FROM (0) TO (10);
        CREATE TABLE high PARTITION OF t FOR VALUES FROM (10) TO (20); INSERT INTO t VALUES (1, 'a'), (11, 'b')`,
      tables: ['t'],
      fields: [{ name: 'id' }, { name: 'name' }],
    });
    const start = await begin();
    await client.query(`TRUNCATE low; ALTER TABLE t DETACH PARTITION high; INSERT INTO t VALUES (2, 'c')`);
    expect(changesIn(await run(start))).toEqual([['t.inserted', '2', { id: 2, name: 'c' }]]);
    await close();
  });
});
