import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { z } from 'zod';
import { EventRejected } from '../../../../functions/runtime/errors.ts';
import { wireSchemaOf } from '../../../../functions/runtime/json/wire-schema.ts';
import { acceptsArrays, findArray, isOneArray } from '../../../../functions/sources/s3-files/json-array.ts';
import { type ArrayDamage, type JsonRow, readElements } from '../../../../functions/sources/s3-files/json-elements.ts';
import { bytesOf, LONGEST_ROW_BYTES, type RowPosition } from '../../../../functions/sources/s3-files/rows.ts';

const START: RowPosition = { offset: 0, line: 1 };

async function* chunksOf(content: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < content.length; at += size) yield content.subarray(at, at + size);
}

/** The elements until the reading ends, and the damage that ends it. */
async function elementsOf(content: string | Buffer, { size = 65_536, from = START } = {}) {
  const bytes = Buffer.from(content as string).subarray(from.offset);
  const rows: JsonRow[] = [];
  try {
    for await (const batch of readElements(chunksOf(bytes, size), from)) rows.push(...batch.rows);
    return { rows, damage: undefined };
  } catch (error) {
    return { rows, damage: error as ArrayDamage };
  }
}

const outcomes = (rows: readonly JsonRow[]) =>
  rows.map(({ content }) => (content instanceof EventRejected ? content.message : content.json));

/** What a row is, wherever the content was cut. */
const seen = (row: JsonRow) => ({ at: row.at, next: row.next, content: row.content, bytes: bytesOf(row).toString() });

/** An array as tools write it: on one line, over several lines, with blanks anywhere. */
const written = fc
  .record({
    values: fc.array(
      fc.oneof(
        fc.json(),
        fc.string().map((text) => JSON.stringify(`{[",${text}\\`)),
      ),
      { maxLength: 8 },
    ),
    space: fc.constantFrom('', '\n', ' \r\n\t', '\n\n  '),
    indent: fc.constantFrom(0, 2),
  })
  .map(({ values, space, indent }) => {
    const elements = values.map((text) => JSON.stringify(JSON.parse(text), undefined, indent));
    return { elements, text: `${space}[${space}${elements.join(`${space},${space}`)}${space}]${space}` };
  });

test('every element of an array is a row with its bytes, its line and its place, wherever the file is cut', async () => {
  await fc.assert(
    fc.asyncProperty(written, fc.integer({ min: 1, max: 9 }), async ({ elements, text }, size) => {
      const { rows, damage } = await elementsOf(text, { size });
      expect(damage).toBeUndefined();
      expect(outcomes(rows)).toEqual(elements.map((element) => JSON.parse(element)));
      const bytes = Buffer.from(text);
      for (const [i, row] of rows.entries()) {
        expect(bytesOf(row).toString()).toBe(elements[i]);
        expect(row.at.line).toBe(bytes.subarray(0, row.at.offset).toString().split('\n').length);
        expect(row.next).toMatchObject({ offset: row.at.offset + bytesOf(row).length, array: true });
      }
    }),
    { numRuns: 150 },
  );
});

test('reading resumes just after any element, with exactly the remaining ones', async () => {
  await fc.assert(
    fc.asyncProperty(written, fc.integer({ min: 1, max: 9 }), async ({ text }, size) => {
      const { rows } = await elementsOf(text);
      for (const [index, { next }] of rows.entries())
        expect((await elementsOf(text, { from: next, size })).rows.map(seen)).toEqual(rows.slice(index + 1).map(seen));
    }),
    { numRuns: 50 },
  );
});

describe('the first damage ends the reading, and says from where on nothing was read', () => {
  test.each<[about: string, text: string, before: unknown[], at: RowPosition, why: string]>([
    ['an element that is not JSON', '[1,\n{"a":NaN},\n2]', [1], { offset: 4, line: 2 }, 'an element is not JSON'],
    [
      'a quote that is not closed',
      '[1,{"a":"x},{"a":2}]',
      [1],
      { offset: 3, line: 1 },
      'the file ends before the array does',
    ],
    ['a line break inside a text', '[1,"a\nb",2]', [1], { offset: 3, line: 1 }, 'an element is not JSON'],
    ['a bracket of another kind', '[{"a":[1}},2]', [], { offset: 1, line: 1 }, 'an element is not JSON'],
    ['two commas', '[1,,2]', [1], { offset: 3, line: 1 }, 'an element is not JSON'],
    ['a comma behind the last element', '[1,]', [1], { offset: 3, line: 1 }, 'an element is not JSON'],
    ['no comma', '[1 2]', [1], { offset: 3, line: 1 }, 'neither a comma nor the end of the array follows an element'],
    ['a file that is cut off', '[1,\n{"a":', [1], { offset: 4, line: 2 }, 'the file ends before the array does'],
    [
      'a file that is cut off behind an element',
      '[1,2',
      [1],
      { offset: 3, line: 1 },
      'the file ends before the array does',
    ],
    ['text behind the array', '[1]\n\n[2]', [1], { offset: 5, line: 3 }, 'text follows the end of the array'],
  ])('%s', async (...[, text, before, at, why]) => {
    for (const size of [1, 3, 1000]) {
      const { rows, damage } = await elementsOf(text, { size });
      expect(outcomes(rows)).toEqual(before);
      expect(damage).toBeInstanceOf(EventRejected);
      expect(damage).toMatchObject({ reason: 'undecodable', at });
      expect(damage?.message).toContain(`at byte ${at.offset} in line ${at.line}, because ${why}`);
      expect(damage?.message).toContain('nothing from there on');
    }
  });
});

test('an element that is too long or not UTF-8 is rejected alone, with at most its first 1 MiB', async () => {
  const long = `"${'[{,\\"'.repeat(400_000)}"`;
  const just = `"${'x'.repeat(LONGEST_ROW_BYTES - 2)}"`;
  const text = Buffer.concat([Buffer.from(`[1,${long},${just},`), Buffer.from([0x22, 0xff, 0x22]), Buffer.from(',2]')]);
  for (const size of [65_536, LONGEST_ROW_BYTES * 8]) {
    const { rows, damage } = await elementsOf(text, { size });
    expect(damage).toBeUndefined();
    expect(rows.map(({ content }) => (content instanceof EventRejected ? content.reason : 'read'))).toEqual([
      'read',
      'too-large',
      'read',
      'undecodable',
      'read',
    ]);
    expect(bytesOf(rows[1] as JsonRow)).toEqual(Buffer.from(long.slice(0, LONGEST_ROW_BYTES)));
    expect(rows.map(({ at }) => at.offset)).toEqual([
      1,
      3,
      3 + long.length + 1,
      5 + long.length + just.length,
      text.length - 2,
    ]);
  }
});

test('of an element that never ends no more than a few MiB are kept, and reading stops after 16 MiB', async () => {
  const concat = vi.spyOn(Buffer, 'concat');
  let taken = 0;
  async function* endless(): AsyncGenerator<Buffer> {
    yield Buffer.from('[1,"');
    for (; taken < 64 << 20; taken += 1 << 18) yield Buffer.alloc(1 << 18, 'x');
  }
  try {
    const rows: JsonRow[] = [];
    const reading = (async () => {
      for await (const batch of readElements(endless(), START)) rows.push(...batch.rows);
    })();
    await expect(reading).rejects.toMatchObject({ at: { offset: 3, line: 1 } });
    await expect(reading).rejects.toThrow('an element is longer than 16777216 bytes');
    expect(outcomes(rows)).toEqual([1]);
    expect(taken).toBeLessThan(20 << 20);
    expect(Math.max(...concat.mock.results.map(({ value }) => value.length))).toBeLessThan(4 << 20);
  } finally {
    concat.mockRestore();
  }
});

test('an array on one line is read with a few looks at each byte, whatever comes behind an element', async () => {
  const text = `[${Array.from({ length: 20_000 }, (_, id) => `{"id":${id},"name":"a name"}`).join(',')}]`;
  const [searched, joined] = [vi.spyOn(Buffer.prototype, 'indexOf'), vi.spyOn(Buffer, 'concat')];
  try {
    const { isArray, chunks } = await findArray(chunksOf(Buffer.from(text), 1_000));
    expect(isArray).toBe(true);
    let rows = 0;
    for await (const batch of readElements(chunks, START)) rows += batch.rows.length;
    expect(rows).toBe(20_000);
    const looked = searched.mock.calls.map(([, from = 0], call) => {
      const { length } = searched.mock.contexts[call] as Buffer;
      return length - Number(from);
    });
    const copied = joined.mock.results.map(({ value }) => (value as Buffer).length);
    const bytes = (of: readonly number[]) => of.reduce((sum, one) => sum + one, 0);
    expect(bytes(looked)).toBeLessThan(6 * text.length);
    expect(bytes(copied)).toBeLessThan(8 * text.length);
  } finally {
    searched.mockRestore();
    joined.mockRestore();
  }
});

test.each<[isArray: boolean, text: string]>([
  [true, '[]'],
  [true, ' \n\t[{"a":1}]'],
  [true, '[{"a":1},{"a":2}]\r\n\n'],
  [true, '[\n  {"a":1}\n]\n'],
  [true, '[{"a":1},\n{"a":2}]'],
  [true, `[${'"x",'.repeat(300_000)}1]\n`],
  [true, '[{"a":'],
  [false, ''],
  [false, '{"a":1}\n[1]\n'],
  [false, '[1]\n[2]\n'],
  [false, '[]\n{"a":1}\n'],
  [false, '"[1]"'],
])('content is one array (%s): %j', async (isArray, text) => {
  const bytes = Buffer.from(text.slice(0, 5000));
  for (let size = 1; size < 20; size += 6) {
    const found = await findArray(chunksOf(Buffer.from(text), text.length > 5000 ? 65_536 : size));
    expect(found.isArray).toBe(isArray);
    expect(Buffer.concat(await Array.fromAsync(found.chunks)).toString()).toBe(text);
  }
  if (text.length < 5000) expect(isOneArray(bytes, true)).toBe(isArray);
});

test.each<[accepts: boolean, schema: z.ZodType]>([
  [false, z.object({ a: z.int() })],
  [false, z.discriminatedUnion('t', [z.object({ t: z.literal('a') }), z.object({ t: z.literal('b') })])],
  [false, z.union([z.object({}), z.string()])],
  [false, z.object({ a: z.int() }).and(z.object({ b: z.int() }))],
  [true, z.array(z.int())],
  [true, z.tuple([z.string(), z.int()])],
  [true, z.union([z.object({}), z.array(z.int())])],
  [true, z.unknown()],
])('a row can be an array (%s), so that a file of arrays is read line by line', (accepts, schema) => {
  expect(acceptsArrays(wireSchemaOf(schema, 'a test'))).toBe(accepts);
});
