import type pg from 'pg';
import { describe, expect, test } from 'vitest';
import type { ChangesPosition } from '../../../../functions/sources/postgres-changes/position.ts';
import { changesIn, eventsIn, followTables, type Page } from './open-changes.ts';
import { server } from './server.ts';

const FIELDS = [{ name: 'id' }, { name: 'name' }];

const isDone = ({ position: { snapshot, chunk } }: Page) => snapshot === undefined && chunk === undefined;

/** Makes tables with so many rows each. */
const tablesOf = (rows: Readonly<Record<string, number>>): string =>
  Object.entries(rows)
    .map(
      ([name, count]) =>
        `CREATE TABLE ${name} (id int PRIMARY KEY, name text);
         INSERT INTO ${name} SELECT n, 'old' FROM generate_series(1, ${count}) n; ANALYZE ${name};`,
    )
    .join('');

const follow = (rows: Readonly<Record<string, number>>, more: { snapshot?: string; database?: string } = {}) =>
  followTables(server, {
    create: more.database === undefined ? tablesOf(rows) : 'SELECT 1',
    tables: Object.keys(rows),
    fields: FIELDS,
    options: { snapshot: more.snapshot ?? 'initial' },
    ...(more.database === undefined ? {} : { login: { database: more.database } }),
  });

/**
 * What a mirror of the stream has: a reader drops what is not above the last place, and the last event of a key counts.
 */
function mirrored(pages: readonly Page[]): readonly string[] {
  let last = '';
  const rows = new Map<string, string>();
  for (const { place, type, key, data } of eventsIn(pages)) {
    if (place <= last) continue;
    last = place;
    const row = `${type.split('.')[0]} ${key}`;
    if (type.endsWith('.deleted')) rows.delete(row);
    else rows.set(row, `${row} ${(data as { name: string }).name}`);
  }
  return [...rows.values()].sort();
}

async function rowsOf(client: pg.Client, tables: readonly string[]): Promise<readonly string[]> {
  const selects = tables.map((table) => `SELECT '${table} ' || id || ' ' || name AS row FROM ${table}`);
  const { rows } = await client.query<{ row: string }>(selects.join(' UNION ALL '));
  return rows.map(({ row }) => row).sort();
}

describe('the rows of many tables', () => {
  test('come in another order from the next run on when `tables` names them so, and none comes twice', async () => {
    const rows = { a: 1_200, b: 10, c: 10 };
    const { run, close, database } = await follow(rows);
    const first = await run(undefined, { most: 3 });
    const left = (pages: readonly Page[]) => pages.at(-1)?.position.snapshot?.left.map(({ table }) => table);
    expect(left(first)?.[0]).toBe('public.a');
    // Nothing is read while it is paused, so the order shows.
    const paused = await follow({ c: 10, b: 10, a: 1_200 }, { snapshot: 'paused', database });
    const meanwhile = await paused.run(first.at(-1)?.position);
    expect(left(meanwhile)).toEqual(
      ['public.c', 'public.b', 'public.a'].filter((table) => left(first)?.includes(table)),
    );
    const rest = await run(meanwhile.at(-1)?.position, { until: isDone });
    const names = eventsIn([...first, ...meanwhile, ...rest]).map(({ type, key }) => `${type} ${key}`);
    expect(names).toHaveLength(1_220);
    expect(new Set(names).size).toBe(1_220);
    await paused.close();
    await close();
  });

  test('have their progress in the note of the source, with an estimate of what is left', async () => {
    const { run, close } = await follow({ a: 2_600, b: 600, c: 3, d: 3, e: 3 });
    const notes: (string | undefined)[] = [];
    const pages = await run(undefined, { until: isDone, onPage: ({ note }) => void notes.push(note) });
    expect(notes.find((note) => note !== undefined)).toMatch(
      /^reads the rows of public\.a \((0|500) of about 2,600\), public\.b \((0|500) of about 600\), .*, about [23],\d{3} rows left/,
    );
    expect(notes.some((note) => note?.startsWith('reads the rows of public.a (1,500 of about 2,600)'))).toBe(true);
    expect(pages.at(-1)?.note).toBeUndefined();
    await close();
  });

  test('stay where they are while the snapshot is paused, and changes come; later they are read on', async () => {
    const rows = { a: 1_300, b: 20 };
    const { client, run, close, database } = await follow(rows);
    const first = await run(undefined, { until: ({ position }) => (position.snapshot?.left[0]?.rows ?? 0) > 0 });
    const paused = await follow(rows, { snapshot: 'paused', database });
    await client.query(`UPDATE a SET name = 'new' WHERE id IN (1, 1300)`);
    const meanwhile = await paused.run(first.at(-1)?.position);
    expect(changesIn(meanwhile).map(([type, key]) => `${type} ${key}`)).toEqual(['a.updated 1', 'a.updated 1300']);
    expect(meanwhile.at(-1)?.note).toMatch(/^the snapshot is paused: rows of public\.a \(\d+ of about 1,300\)/);
    expect(meanwhile.at(-1)?.position.snapshot?.left).toEqual(first.at(-1)?.position.snapshot?.left);
    const rest = await run(meanwhile.at(-1)?.position, { until: isDone });
    expect(mirrored([...first, ...meanwhile, ...rest])).toEqual(await rowsOf(client, ['a', 'b']));
    await paused.close();
    await close();
  });

  test('are the rows of the tables after a death behind each page, while every table is changed', async () => {
    const rows = { a: 1_100, b: 600, c: 40, d: 550, e: 5 };
    const names = Object.keys(rows);
    const { client, run, close } = await follow(rows);
    const log: Page[] = [];
    let position: ChangesPosition | undefined;
    let turn = 0;
    const change = async (): Promise<void> => {
      const id = 1 + ((turn * 37) % 600);
      for (const table of names)
        await client.query(
          `UPDATE ${table} SET name = 'turn ${turn}' WHERE id IN (${id}, ${id + 300});
           DELETE FROM ${table} WHERE id = ${id + 1};
           INSERT INTO ${table} VALUES (${10_000 + turn}, 'made in turn ${turn}')`,
        );
      turn++;
    };
    for (let isRead = false; !isRead; ) {
      // Every other run dies between the append of its last page and the move of the position.
      const before = position;
      const pages = await run(position, { most: 1 + (turn % 3), until: isDone, onPage: change });
      log.push(...pages);
      position = (turn % 2 === 0 && pages.length > 1 ? pages.at(-2)?.position : pages.at(-1)?.position) ?? before;
      isRead = position?.tables !== undefined && position.snapshot === undefined && position.chunk === undefined;
    }
    expect(turn).toBeGreaterThan(10);
    log.push(...(await run(position)));
    expect(mirrored(log)).toEqual(await rowsOf(client, names));
    await close();
  });
});
