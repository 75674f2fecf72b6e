import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { UserMistake } from '../../../functions/runtime/errors.ts';
import { defineTable } from '../../../functions/runtime/table.ts';
import { columnsOfTable } from '../../../functions/table-state/columns.ts';
import { logOf } from '../../contracts/slices.ts';

const Row = z.object({ id: z.string(), n: z.number() });
const ofRow = { entry: '', from: Row, row: Row } as const;

describe('defineTable', () => {
  test('gives reduce the parsed data and the row before, and nothing of a row that a failed reduce has changed', () => {
    const seen: unknown[] = [];
    const table = defineTable({
      entry: '',
      from: z.object({ id: z.string(), n: z.string().transform(Number) }),
      row: Row,
      key: ['id'],
      reduce: (row, { data, type, key }) => {
        seen.push(row && { ...row }, data, type, key);
        if (row !== undefined) row.n = 99;
        if (data.n < 0) throw new Error('negative');
        return row ?? data;
      },
    });
    const [first, second] = logOf([
      { data: { id: 'a', n: '1' }, key: 'k' },
      { data: { id: 'a', n: '-1' }, key: 'k' },
    ]);
    const row = table.read(first!)[0]!.reduce(undefined);
    expect(row).toBe('{"id":"a","n":1}');
    expect(() => table.read(second!)[0]!.reduce(row)).toThrow('reduce threw Error: negative');
    expect(row).toBe('{"id":"a","n":1}');
    expect(seen).toEqual([
      undefined,
      { id: 'a', n: 1 },
      'thing.happened',
      'k',
      { id: 'a', n: 1 },
      { id: 'a', n: -1 },
      'thing.happened',
      'k',
    ]);
  });

  test.each<[string, () => unknown, string]>([
    ['without a key', () => defineTable({ ...ofRow, key: [], reduce: () => undefined }), 'a table needs a key'],
    [
      'with a key twice',
      () => defineTable({ ...ofRow, key: ['id', 'id'], reduce: () => undefined }),
      "names 'id' twice",
    ],
    [
      'with an async reduce',
      () => defineTable({ ...ofRow, key: ['id'], reduce: (async () => undefined) as never }),
      'reduce is async',
    ],
    [
      'whose key is no field of the row',
      () => columnsOfTable({ row: z.object({ n: z.number() }), key: ['id'] }),
      "the key names 'id', which is no field of the row: add it to the row's schema",
    ],
    [
      'whose key is an object',
      () => columnsOfTable({ row: z.object({ id: z.object({}) }), key: ['id'] }),
      "the key's field 'id' is a list, an object or of several types",
    ],
    [
      'with a column of ours',
      () => columnsOfTable({ row: z.object({ id: z.string(), 'millrace row': z.string() }), key: ['id'] }),
      "the row's field 'millrace row' has a name that Millrace keeps for itself",
    ],
  ])('refuses a table %s', (_, make, message) => {
    expect(make).toThrow(UserMistake);
    expect(make).toThrow(message);
  });

  test('rejects the event of a reduce that returns a promise, or something that is no row', () => {
    const [event] = logOf([{ data: { id: 'a', n: 1 } }]);
    const returning = (made: unknown) => defineTable({ ...ofRow, key: ['id'], reduce: () => made as never });
    const reduce = (made: unknown) => () => returning(made).read(event!)[0]!.reduce(undefined);
    expect(reduce(Promise.reject(new Error('later')))).toThrow('reduce is async');
    expect(reduce(null)).toThrow('the row does not fit its schema');
    expect(reduce('text')).toThrow('the row does not fit its schema');
  });
});

test('a key that the row does not have, and a row that lacks a field, do not compile', () => {
  // `tsc`, which runs before the tests, fails where one of these does.
  const mustNotCompile = [
    // @ts-expect-error the row has no field 'name'
    () => defineTable({ ...ofRow, key: ['name'], reduce: () => undefined }),
    // @ts-expect-error a row needs n
    () => defineTable({ ...ofRow, key: ['id'], reduce: (_, { data }) => ({ id: data.id }) }),
  ];
  for (const make of mustNotCompile) expect(make).not.toThrow();
});
