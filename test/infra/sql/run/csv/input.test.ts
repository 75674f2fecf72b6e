import fc from 'fast-check';
import { expect, test, vi } from 'vitest';
import { csvRecord } from '../../../../../functions/sources/s3-files/csv-record.ts';
import { readRecords } from '../../../../../functions/sources/s3-files/csv-records.ts';
import type { Column } from '../../../../../infra/sql/plan/sql-type.ts';
import { scalar, typeName } from '../../../../../infra/sql/plan/sql-type.ts';
import { csvReader } from '../../../../../infra/sql/run/csv/input.ts';
import type { InputReader, InputReports } from '../../../../../infra/sql/run/csv/input-reader.ts';

interface Lines {
  readonly rows: readonly unknown[];
  /** The line of the file that each row begins at. */
  readonly lines: readonly number[];
  readonly rejected: readonly string[];
}

/** Reads a text in chunks of `size` bytes. */
async function read(
  text: string | Buffer,
  read: readonly Column[] | 'inferred',
  chunk = 1 << 20,
): Promise<Lines & { readonly columns: readonly Column[] | undefined }> {
  const rejected: string[] = [];
  const reader = csvReader(chunks(Buffer.from(text as string), chunk), reportsInto(rejected));
  const columns = read === 'inferred' ? (await reader.columns())?.columns : read;
  return { columns, ...(await linesOf(reader, columns ?? [])), rejected };
}

function reportsInto(rejected: string[], notes: string[] = []): InputReports {
  return {
    reject: async (rows) => {
      rejected.push(...rows.map(({ line, reason }) => `${line}: ${reason}`));
    },
    note: async (text) => {
      notes.push(text);
    },
  };
}

async function linesOf(reader: InputReader, columns: readonly Column[]): Promise<Omit<Lines, 'rejected'>> {
  const rows: unknown[] = [];
  const lines: number[] = [];
  for await (const { text, lineOf } of reader.parts({ all: columns, read: columns })) {
    for (const [index, row] of text.toString('utf8').trimEnd().split('\n').entries()) {
      rows.push(JSON.parse(row));
      lines.push(lineOf?.(index) ?? -1);
    }
  }
  return { rows, lines };
}

async function* chunks(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

const columnsOf = (...types: readonly [name: string, type: Parameters<typeof scalar>[0], nullable?: boolean][]) =>
  types.map(([name, type, nullable = true]): Column => ({ name, type: scalar(type), nullable }));

const cell = fc.oneof(
  { weight: 3, arbitrary: fc.string({ unit: fc.constantFrom(...'ab1 é\\\t😀.-'), maxLength: 6 }) },
  fc.string({ unit: fc.constantFrom(...'a",\r\n'), maxLength: 6 }),
  fc.constant('x'.repeat(700)),
);
const needsQuotes = /[",\r\n]/;

test('cells are read as they were written, whatever they contain and wherever the file is cut', async () => {
  const record = fc.record({
    cells: fc.array(fc.record({ text: cell, quoted: fc.boolean() }), { minLength: 2, maxLength: 2 }),
    end: fc.constantFrom('\n', '\r\n'),
    blanks: fc.constantFrom('', '', '', '\n', '\r\n\n'),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(record, { maxLength: 30 }), fc.integer({ min: 1, max: 3000 }), async (records, size) => {
      let text = 'a,b\n';
      const expected = { rows: [] as unknown[], lines: [] as number[], rejected: [] };
      for (const { cells, end, blanks } of records) {
        text += blanks;
        expected.lines.push(text.split('\n').length);
        expected.rows.push({ a: cells[0]?.text, b: cells[1]?.text });
        text += `${cells.map(({ text, quoted }) => (quoted || needsQuotes.test(text) ? `"${text.replaceAll('"', '""')}"` : text)).join(',')}${end}`;
      }
      const { rows, lines, rejected } = await read(text, columnsOf(['a', 'text', false], ['b', 'text', false]), size);
      expect({ rows, lines, rejected }).toEqual(expected);
    }),
    { numRuns: 300 },
  );
});

test('each line of any file is part of a record or is rejected', async () => {
  const noise = fc.string({ unit: fc.constantFrom(...'aaa",,\n\n\r'), maxLength: 60 });
  await fc.assert(
    fc.asyncProperty(noise, fc.integer({ min: 1, max: 70 }), async (text, size) => {
      const whole = await read(`a,b\n${text}`, columnsOf(['a', 'text'], ['b', 'text']));
      expect(await read(`a,b\n${text}`, columnsOf(['a', 'text'], ['b', 'text']), size)).toEqual(whole);
      const begun = [...whole.lines, ...whole.rejected.map((reason) => Number(reason.split(':')[0]))];
      expect(new Set(begun).size).toBe(begun.length);
      const first = text.split('\n').findIndex((line) => line !== '' && line !== '\r');
      if (first !== -1) expect(Math.min(...begun)).toBe(first + 2);
    }),
    { numRuns: 500 },
  );
});

test.each<[about: string, cells: readonly string[], type: string, values: readonly unknown[]]>([
  ['numbers', ['1', '-2.50', '0'], 'numeric', [1, -2.5, 0]],
  ['numbers, and nothing', ['1', '', '3'], 'numeric', [1, null, 3]],
  ['true and false', ['true', 'false', ''], 'boolean', [true, false, null]],
  ['a code that begins with 0', ['53111', '01234'], 'text', ['53111', '01234']],
  ['numbers and one that is none', ['1', 'n/a', '3'], 'text', ['1', 'n/a', '3']],
  ['numbers, one of them quoted', ['1', '"2"'], 'text', ['1', '2']],
  ['quoted true', ['"true"'], 'text', ['true']],
  ['quoted nothing', ['""', 'a', ''], 'text', ['', 'a', null]],
  ['nothing at all', ['', ''], 'jsonb', [null, null]],
])('a column of %s is inferred', async (...[, cells, type, values]) => {
  const { columns, rows } = await read(`n,a\n${cells.map((text, i) => `${i},${text}\n`).join('')}`, 'inferred');
  expect(columns?.map((column) => typeName(column.type))).toEqual(['numeric', type]);
  expect(rows).toEqual(values.map((a, n) => ({ n, a })));
});

test.each<
  [type: Parameters<typeof scalar>[0], nullable: boolean, cells: readonly string[], values: readonly unknown[]]
>([
  ['text', true, ['53111', 'true', '', '""', '"x"'], ['53111', 'true', null, '', 'x']],
  ['text', false, ['', '1'], ['', '1']],
  [
    'numeric',
    true,
    ['"12"', ' 7 ', '1e3', '""', '-0.5', 'x', '0x1', '01', '1.', '.5'],
    [12, 7, 1000, null, -0.5, 'x', '0x1', '01', '1.', '.5'],
  ],
  ['integer', false, ['', '12', '3.5'], [null, 12, 3.5]],
  ['boolean', true, ['TRUE', 'False', '"true"', '', '1'], [true, false, true, null, '1']],
  ['date', true, ['2026-01-31', '""', ''], ['2026-01-31', null, null]],
  ['jsonb', true, ['1', 'true', 'x', '"1"', '', '""'], [1, true, 'x', '1', null, '']],
])('cells of a %s column that is nullable: %s', async (...[type, nullable, cells, values]) => {
  const { rows } = await read(`x,a\n${cells.map((text) => `0,${text}\n`).join('')}`, columnsOf(['a', type, nullable]));
  expect(rows).toEqual(values.map((a) => ({ a })));
});

test('a sample gives the types; a later cell that does not fit becomes text, which a statement rejects if it reads it', async () => {
  const { rows } = await read(`a\n${'1\n'.repeat(1000)}x\n`, 'inferred');
  expect(rows.slice(-2)).toEqual([{ a: 1 }, { a: 'x' }]);
});

test('only columns that are read become JSON; of several columns with one name, the last one counts', async () => {
  const { rows } = await read('a,b,a\n1,2,3\n', columnsOf(['a', 'integer']));
  expect(rows).toEqual([{ a: 3 }]);
  expect((await read('a,b\n1,2\n', [])).rows).toEqual([{}]);
});

test.each<[about: string, text: string | Buffer]>([
  ['a byte order mark', '\ufeffa,b\n1,é\n'],
  ['UTF-16', Buffer.from('\ufeffa,b\n1,é\n', 'utf16le')],
  ['no line break at its end', 'a,b\n1,é'],
  ['blank lines before its header', '\n\r\na,b\n1,é'],
  ['a quoted header', '"a","b"\n1,é\n'],
])('a file with %s', async (_, text) => {
  for (const size of [1, 2, 1000]) expect((await read(text, 'inferred', size)).rows).toEqual([{ a: 1, b: 'é' }]);
});

test('carriage returns alone end lines in a file without line feeds outside quotes, as for s3-files', async () => {
  for (const size of [1, 5, 1000]) {
    const { rows, lines } = await read('a,b\r1,é\r\r"2","x\ny"\r3,z', 'inferred', size);
    expect(rows).toEqual([
      { a: '1', b: 'é' },
      { a: '2', b: 'x\ny' },
      { a: '3', b: 'z' },
    ]);
    expect(lines).toEqual([2, 4, 5]);
  }
});

test.each([
  ['a stray carriage return', 'Id,note\r\r\n1,x\r\n'],
  ['blanks', '"id ",\tnote\n1,x\n'],
  ['other capitals', 'ID,Note\n1,x\n'],
])('a header name with %s stands for the column of the schema', async (_, text) => {
  expect((await read(text, columnsOf(['id', 'integer'], ['note', 'text']))).rows).toEqual([{ id: 1, note: 'x' }]);
});

test('a column that the header lacks is an error if it cannot be null, and else a note; both name the columns found', async () => {
  const text = 'id, Total,x\n1,2,3\n';
  await expect(read(text, columnsOf(['id', 'integer'], ['sum', 'integer', false]))).rejects.toThrow(
    "the header has no column 'sum', which the schema requires; its columns are 'id', 'Total', 'x'",
  );
  const notes: string[] = [];
  const reader = csvReader(chunks(Buffer.from(text), 1000), reportsInto([], notes));
  expect((await linesOf(reader, columnsOf(['id', 'integer'], ['sum', 'integer']))).rows).toEqual([{ id: 1 }]);
  expect(notes).toEqual([
    "the header has no column 'sum', so it is null in every line; its columns are 'id', 'Total', 'x'",
  ]);
});

test('a first chunk may end within a line break', async () => {
  const text = 'a,b\r\n1,é\r\n"2","x\ry"\r\n';
  const { rows, lines } = await read(text, columnsOf(['a', 'integer'], ['b', 'text']), 'a,b\r'.length);
  expect(rows).toEqual([
    { a: 1, b: 'é' },
    { a: 2, b: 'x\ry' },
  ]);
  expect(lines).toEqual([2, 3]);
  expect((await read('a,b\r1,é\r', 'inferred', 'a,b\r'.length)).rows).toEqual([{ a: 1, b: 'é' }]);
});

test('a record that is not UTF-8 is rejected with its line, and the others are read', async () => {
  const bytes = Buffer.from('a,b\nM\xfcller,1\nMeier,2\n"M\xfc\nller",3\n', 'latin1');
  for (const columns of ['inferred', columnsOf(['a', 'text'], ['b', 'integer'])] as const) {
    const { rows, rejected } = await read(bytes, columns);
    expect(rows).toEqual([{ a: 'Meier', b: 2 }]);
    expect(rejected).toEqual([2, 4].map((line) => `${line}: the row is not UTF-8`));
  }
});

test('a header that is not UTF-8 is a mistake of the user', async () => {
  const bytes = Buffer.from('a,stra\xdfe\n1,2\n', 'latin1');
  await expect(read(bytes, 'inferred')).rejects.toThrow('the header cannot be read: the row is not UTF-8');
});

const STRAY_QUOTE =
  'a quote is inside an unquoted field, or text follows a closing quote: double the quote inside a quoted field';

test('an invalid record is rejected with its line, and the records after this line are read', async () => {
  const text = 'a,b\n1\n2,x\n3,x,y\n4,q"q\n5,"x"y\n6,"two\nlines"\n\n7\n8,"open\n9,x\n';
  const { rows, lines, rejected } = await read(text, columnsOf(['a', 'integer']));
  expect(rows).toEqual([{ a: 2 }, { a: 6 }, { a: 9 }]);
  expect(lines).toEqual([3, 7, 12]);
  expect(rejected).toEqual([
    '2: the record has 1 cell, but the header has 2: make them equal',
    '4: the record has 3 cells, but the header has 2: make them equal',
    `5: ${STRAY_QUOTE}`,
    `6: ${STRAY_QUOTE}`,
    '10: the record has 1 cell, but the header has 2: make them equal',
    '11: a quote is opened and not closed: close it',
  ]);
});

test('a quote that is never closed does not swallow the rest of a long file', async () => {
  const { rows, rejected } = await read(`a\n1\n"2\n${'3\n'.repeat(700_000)}`, columnsOf(['a', 'integer']), 1 << 16);
  expect(rows.length).toBe(700_001);
  expect(rejected).toEqual(['3: a quote is opened and not closed within 1048576 bytes: close it']);
});

test.each([1 << 16, 1 << 24])(
  'a quoted cell longer than 1 MiB is rejected because of its length, in chunks of %i bytes',
  async (size) => {
    const text = `a,b\n1,"${`${'x'.repeat(200)}\n`.repeat(6000)}"\n2,y\n`;
    const { rows, rejected } = await read(text, columnsOf(['a', 'integer']), size);
    expect(rejected[0]).toBe('2: a quote is opened and not closed within 1048576 bytes: close it');
    expect(rejected.length).toBe(6001);
    expect(rows).toEqual([{ a: 2 }]);
  },
);

test.each([1 << 14, 1 << 20, 1 << 24])(
  'a line above 1 MiB is rejected alone, in chunks of %i bytes too',
  async (size) => {
    const [longest, longer] = ['x'.repeat((1 << 20) - 2), 'x'.repeat((1 << 20) - 1)];
    const long = 'x'.repeat(3 << 20);
    const text = `a,b\n1,${longest}\n2,${longer}\n3,"${long}"\n4,"y\nz"\n5,"open\n6,${long}\n7,y\n8,${long}`;
    const { rows, lines, rejected } = await read(text, columnsOf(['a', 'integer']), size);
    expect(rows).toEqual([{ a: 1 }, { a: 4 }, { a: 7 }]);
    expect(lines).toEqual([2, 5, 9]);
    expect(rejected).toEqual([
      '3: the line is longer than 1 MiB: split it',
      '4: the line is longer than 1 MiB: split it',
      '7: a quote is opened and not closed within 1048576 bytes: close it',
      '8: the line is longer than 1 MiB: split it',
      '10: the line is longer than 1 MiB: split it',
    ]);
  },
);

test('no more bytes of an endless line are kept than a record may have', async () => {
  const concat = vi.spyOn(Buffer, 'concat');
  try {
    await read(`a\n${'x'.repeat(8 << 20)}`, columnsOf(['a', 'text']), 1 << 18);
    expect(Math.max(...concat.mock.results.map(({ value }) => value.length))).toBeLessThanOrEqual(2 << 20);
  } finally {
    concat.mockRestore();
  }
  await expect(read('x'.repeat(8 << 20), 'inferred', 1 << 18)).rejects.toThrow('the line is longer than 1 MiB');
});

test('each line with a stray quote is scanned once, however many there are', () => {
  const count = 2000;
  let searched = 0;
  const block = Object.assign(Buffer.from('1,5" pipe,ok\n'.repeat(count)), {
    indexOf(...args: Parameters<Buffer['indexOf']>): number {
      searched += 1;
      return Buffer.prototype.indexOf.apply(this, args);
    },
  });
  let rejected = 0;
  const visitor = { record: () => expect.unreachable(), rejected: () => (rejected += 1) };
  expect(readRecords(csvRecord(), { block, isLast: true }, visitor)).toBe(block.length);
  expect(rejected).toBe(count);
  expect(searched).toBe(count);
});

test('a file in which no record can be read has no columns, and its records are rejected', async () => {
  expect(await read('a,b\n1\n"2\n', 'inferred')).toEqual({
    columns: undefined,
    rows: [],
    lines: [],
    rejected: [
      '2: the record has 1 cell, but the header has 2: make them equal',
      '3: a quote is opened and not closed: close it',
    ],
  });
});

test.each<[text: string, line: number, reason: string]>([
  ['id,size"in,x\n1,2,3\n4,5,6\n', 1, 'a quote is inside an unquoted field'],
  ['\n"id,x\n1,2\n', 2, 'a quote is opened and not closed'],
])('a header that cannot be read is an error, and no record is used instead: %j', async (text, line, reason) => {
  const mistake = { line, message: expect.stringContaining(`the header cannot be read: ${reason}`) };
  for (const size of [1, 1000]) {
    await expect(read(text, 'inferred', size)).rejects.toMatchObject(mistake);
    await expect(read(text, columnsOf(['x', 'integer']), size)).rejects.toMatchObject(mistake);
  }
});

test('where no record fits the header, columns are inferred from the first few megabytes, each seen a few times', async () => {
  const line = `${'x'.repeat(1000)},1\n`;
  const count = 6000;
  let taken = 0;
  async function* counted(): AsyncGenerator<Buffer> {
    for await (const chunk of chunks(Buffer.from(`Report\n${line.repeat(count)}`), 1 << 16)) {
      taken += chunk.length;
      yield chunk;
    }
  }
  const rejected: string[] = [];
  const reader = csvReader(counted(), reportsInto(rejected));
  const concat = vi.spyOn(Buffer, 'concat');
  try {
    expect((await reader.columns())?.columns).toEqual([expect.objectContaining({ name: 'Report' })]);
    const joined = concat.mock.results.reduce((sum, { value }) => sum + value.length, 0);
    expect(joined).toBeLessThan(3 * (1 << 22));
  } finally {
    concat.mockRestore();
  }
  expect(taken).toBeGreaterThanOrEqual(1 << 22);
  expect(taken).toBeLessThan((1 << 22) + (1 << 17));
  expect((await linesOf(reader, [])).rows).toEqual([]);
  expect(rejected.length).toBe(count);
  expect(rejected.at(-1)).toBe('6001: the record has 2 cells, but the header has 1: make them equal');
});

test.each(['', '\n\n', 'a,b\n', 'a,b'])('%j has no records, so no columns', async (text) => {
  expect(await read(text, 'inferred')).toEqual({ columns: undefined, rows: [], lines: [], rejected: [] });
});
