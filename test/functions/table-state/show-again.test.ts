import { expect, test } from 'vitest';
import { z } from 'zod';
import { EventRejected } from '../../../functions/runtime/errors.ts';
import type { OpenSink } from '../../../functions/runtime/sink.ts';
import type { KeyedEvent, Table } from '../../../functions/runtime/table.ts';
import { tableDefinition } from '../../../functions/table-state/table-handler.ts';
import { logOf, sliceOf } from '../../contracts/slices.ts';
import { client, database, server, useFreshDatabases } from '../sinks/postgres/fresh-database.ts';

useFreshDatabases();

interface Sum {
  readonly id: string;
  readonly sum: number;
}

/** Adds up, and shows what `rowOf` makes of a sum. */
function sums(shown: string | undefined, rowOf: (state: Sum) => Sum | undefined): Table {
  return {
    entry: '',
    from: z.unknown(),
    row: z.object({ id: z.string(), sum: z.int32() }),
    key: ['id'],
    state: {
      shape: 'sum',
      shown,
      load: (text) => JSON.parse(text),
      save: (state) => JSON.stringify(state),
      rowOf(state) {
        const row = rowOf(state as Sum);
        return row && JSON.stringify(row);
      },
    },
    read: ({ data }) =>
      (data as readonly string[]).map(
        (id): KeyedEvent => ({ id, reduce: (state) => ({ id, sum: ((state as Sum | undefined)?.sum ?? 0) + 1 }) }),
      ),
  };
}

const overOne = sums('over 1', (state) => (state.sum > 1 ? state : undefined));
const tens = sums('tens', ({ id, sum }) => (sum < 3 ? { id, sum: sum * 10 } : undefined));

/** Opens a process with the code of a table. */
function processOf(table: Table): OpenSink {
  const { host, port, password, user } = server;
  const { resources, open } = tableDefinition(table);
  const parsed = resources.parse({ host, port, database, user, tls: 'off', auth: { password } });
  return open({ step: 'shop/sums', formerly: undefined, options: undefined, resources: parsed });
}

const write = (sink: OpenSink, ids: readonly string[], previous: number) =>
  sink.write(sliceOf({ step: 'shop/sums', events: logOf([{ key: 'k', data: ids }]), previous }));

async function shown(): Promise<string> {
  const { rows } = await client.query<Sum>('SELECT id, sum FROM shop.sums ORDER BY id COLLATE "C"');
  return rows.map(({ id, sum }) => `${id} ${sum}`).join(', ');
}

test('when HAVING or a column changes, every row is right with the first event, also those that it does not meet', async () => {
  await write(processOf(overOne), ['a', 'b', 'b', 'c', 'c', 'c'], 0);
  expect(await shown()).toBe('b 2, c 3');
  await write(processOf(tens), ['d'], 1);
  expect(await shown()).toBe('a 10, b 20, d 10');
  // And back: the states are as they were.
  await write(processOf(overOne), ['d'], 2);
  expect(await shown()).toBe('b 2, c 3, d 2');
});

test('a table of an earlier version, which did not say how its rows are made, is made right as well', async () => {
  await write(processOf(sums(undefined, (state) => state)), ['a', 'b', 'b'], 0);
  await write(processOf(overOne), [], 1);
  expect(await shown()).toBe('b 2');
});

test('a process that ends half-way leaves what it has done, and the next one goes on there', async () => {
  const ids = Array.from({ length: 1_300 }, (_, i) => `row ${String(i).padStart(4, '0')}`);
  await write(processOf(overOne), ids.slice(0, 700), 0);
  await write(processOf(overOne), ids.slice(700), 1);
  const made: string[] = [];
  const dying = (from: string) =>
    sums('tens', ({ id, sum }) => {
      if (id >= from) throw new Error('the process ends');
      made.push(id);
      return { id, sum: sum * 10 };
    });
  await expect(write(processOf(dying('row 0900')), [], 2)).rejects.toThrow('the process ends');
  expect((await client.query('SELECT FROM shop.sums')).rowCount).toBe(500);
  made.length = 0;
  await write(processOf(dying('x')), [], 2);
  expect(made).toEqual(ids.slice(500));
  expect((await client.query('SELECT FROM shop.sums WHERE sum = 10')).rowCount).toBe(1_300);
});

test('a process of the earlier code commits nothing any more, and its next attempt would make the rows its own', async () => {
  const earlier = processOf(overOne);
  await write(earlier, ['a', 'b', 'b'], 0);
  await write(processOf(tens), [], 1);
  await expect(write(earlier, ['a', 'a'], 2)).rejects.toThrow(
    'other code has begun to make the rows of table shop/sums: the next attempt goes on',
  );
  expect(await shown()).toBe('a 10, b 20');
  await write(earlier, [], 2);
  expect(await shown()).toBe('b 2');
});

test('several processes at once make the rows once, and all of them go on', async () => {
  await write(processOf(overOne), ['a', 'b', 'b'], 0);
  const processes = [1, 2, 3].map(() => processOf(tens));
  const { signal } = new AbortController();
  await Promise.all(processes.map((each, i) => each.loadProgress?.(`shard ${i}`, signal)));
  expect(await shown()).toBe('a 10, b 20');
});

test('a row that the changed code cannot make stops the step with the row, and undoing the change lets it go on', async () => {
  await write(processOf(overOne), ['a', 'b', 'b'], 0);
  const failing = sums('failing', ({ id, sum }) => {
    if (sum > 1) throw new EventRejected('transform', 'division by zero');
    return { id, sum };
  });
  await expect(write(processOf(failing), [], 1)).rejects.toThrow(
    /makes its rows otherwise than before, and one cannot be made \(b: division by zero\): change the code/,
  );
  await write(processOf(overOne), ['b'], 1);
  expect(await shown()).toBe('b 3');
});
