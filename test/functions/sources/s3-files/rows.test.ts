import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { EventRejected } from '../../../../functions/runtime/errors.ts';
import { csvRows } from '../../../../functions/sources/s3-files/csv-rows.ts';
import { ndjsonRows } from '../../../../functions/sources/s3-files/ndjson-rows.ts';
import {
  bytesOf,
  LONGEST_ROW_BYTES,
  type Row,
  type RowFormat,
  type RowPosition,
  readRows,
} from '../../../../functions/sources/s3-files/rows.ts';

const START: RowPosition = { offset: 0, line: 1 };

async function* chunksOf(content: Buffer, sizes: readonly number[]): AsyncGenerator<Buffer> {
  for (let at = 0, turn = 0; at < content.length; turn++) {
    const size = sizes[turn % sizes.length] ?? content.length;
    yield content.subarray(at, at + size);
    at += size;
  }
}

async function rowsOf<T>(
  format: RowFormat<T>,
  content: string | Buffer,
  { sizes = [65_536], from = START }: { sizes?: readonly number[]; from?: RowPosition } = {},
): Promise<Row<T>[]> {
  const bytes = Buffer.from(content).subarray(from.offset);
  const batches = await Array.fromAsync(readRows(chunksOf(bytes, sizes), format, from));
  return batches.flatMap(({ rows }) => rows);
}

/** What a row is, wherever its block began. */
const seen = (row: Row<unknown>) => ({ at: row.at, next: row.next, content: row.content, bytes: bytesOf(row) });

const csv = async (content: string | Buffer) =>
  (await rowsOf(csvRows, content)).map(({ content: cells }) =>
    cells instanceof EventRejected ? cells.message : cells,
  );

const QUOTES =
  'a quote is inside an unquoted field, or text follows a closing quote: double the quote inside a quoted field';
const OPEN = 'a quote is opened and not closed: close it';

describe('CSV', () => {
  test.each<[string, string, unknown[]]>([
    [
      'plain cells',
      'a,b\nc,d\n',
      [
        ['a', 'b'],
        ['c', 'd'],
      ],
    ],
    [
      'CRLF',
      'a,b\r\nc,d\r\n',
      [
        ['a', 'b'],
        ['c', 'd'],
      ],
    ],
    ['LF and CRLF in one file', 'a\r\nb\nc\r\n', [['a'], ['b'], ['c']]],
    [
      'no line break at the end',
      'a,b\nc,d',
      [
        ['a', 'b'],
        ['c', 'd'],
      ],
    ],
    [
      'quotes',
      '"a","b,c"\n"d""e",f\n',
      [
        ['a', 'b,c'],
        ['d"e', 'f'],
      ],
    ],
    [
      'a line break in quotes',
      '"a\nb",c\n"d\r\ne",f\n',
      [
        ['a\nb', 'c'],
        ['d\r\ne', 'f'],
      ],
    ],
    [
      'empty cells',
      ',\n"",\n',
      [
        ['', ''],
        ['', ''],
      ],
    ],
    ['one empty quoted cell', '""\n', [['']]],
    ['empty lines between rows and at the end', 'a\n\n\r\nb\n\n', [['a'], ['b']]],
    ['spaces are part of a cell', ' a , b\n', [[' a ', ' b']]],
    ['a carriage return alone is no line break', 'a\rb,c\n', [['a\rb', 'c']]],
    ['several bytes a character', 'é,"😀\nß"\n', [['é', '😀\nß']]],
    ['a quote that is not closed at the end', 'a,b\nc,"d\n', [['a', 'b'], OPEN]],
    ['a quote that is not closed costs only its line', 'a\n"b\nc\nd\n', [['a'], OPEN, ['c'], ['d']]],
    ['a quote in an unquoted cell', 'a,5" pipe\nb,c\n', [QUOTES, ['b', 'c']]],
    ['text after a closing quote', '"a"b,c\nd,e\n', [QUOTES, ['d', 'e']]],
    ['a space after a closing quote', '"a" ,b\nc,d\n', [QUOTES, ['c', 'd']]],
    [
      'a broken row of several lines: the first is rejected, the next are read',
      '"a\nb"c\nd\n',
      [QUOTES, QUOTES, ['d']],
    ],
    ['nothing', '', []],
    ['only line breaks', '\n\r\n', []],
  ])('%s', async (_, content, rows) => {
    expect(await csv(content)).toEqual(rows);
  });

  test('a row that is not UTF-8 is rejected, with its bytes as they came', async () => {
    const content = Buffer.concat([Buffer.from('a,b\nc,'), Buffer.from([0xe9]), Buffer.from('\nd,e\n')]);
    const rows = await rowsOf(csvRows, content);
    expect(await csv(content)).toEqual([['a', 'b'], 'the row is not UTF-8', ['d', 'e']]);
    expect(bytesOf(rows[1]!)).toEqual(Buffer.from([0x63, 0x2c, 0xe9]));
  });

  test('knows line and offset of every row', async () => {
    const rows = await rowsOf(csvRows, 'h\r\n\n"a\nb"\n"broken\nc\n');
    expect(rows.map(({ at, next }) => [at.line, at.offset, next.line, next.offset])).toEqual([
      [1, 0, 2, 3],
      [3, 4, 5, 10],
      [5, 10, 6, 18],
      [6, 18, 7, 20],
    ]);
  });
});

describe('NDJSON', () => {
  const ndjson = async (content: string | Buffer) =>
    (await rowsOf(ndjsonRows, content)).map(({ content: row }) =>
      row instanceof EventRejected ? row.message : row.json,
    );

  test.each<[string, string, unknown[]]>([
    ['values', '{"a":1}\n[2]\n"x"\nnull\n', [{ a: 1 }, [2], 'x', null]],
    ['CRLF, no line break at the end', '{"a":1}\r\n{"a":2}', [{ a: 1 }, { a: 2 }]],
    ['empty lines and lines of spaces', '\n{"a":1}\n  \t\n\r\n', [{ a: 1 }]],
    ['text that is no JSON', '{"a":1}\n{a:2}\n{"a":3}\n', [{ a: 1 }, 'the line is not JSON', { a: 3 }]],
    ['two values on one line', '{"a":1}{"a":2}\n', ['the line is not JSON']],
    ['an object over several lines', '{\n"a":1}\n', ['the line is not JSON', 'the line is not JSON']],
    ['a truncated last line', '{"a":1}\n{"a":', [{ a: 1 }, 'the line is not JSON']],
    ['NaN', '{"a":NaN}\n', ['the line is not JSON']],
  ])('%s', async (_, content, rows) => {
    expect(await ndjson(content)).toEqual(rows);
  });

  test('a line that is not UTF-8 is rejected', async () => {
    expect(await ndjson(Buffer.from([0x22, 0xff, 0x22, 0x0a, 0x31, 0x0a]))).toEqual(['the line is not UTF-8', 1]);
  });
});

/** Texts that meet the edges of both formats more often than chance would. */
const content = fc
  .array(fc.constantFrom('"', '""', ',', '\n', '\r\n', '\r', 'a', 'bc', ' ', 'é', '{"a":1}', '\n"', '"\n', '",'), {
    maxLength: 60,
  })
  .map((parts) => parts.join(''));
const sizes = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 5 });

describe.each<[string, RowFormat<unknown>]>([
  ['CSV', csvRows],
  ['NDJSON', ndjsonRows],
])('any %s', (_, format) => {
  test('yields exactly the remaining rows when reading resumes after any row', async () => {
    await fc.assert(
      fc.asyncProperty(content, sizes, async (text, chunks) => {
        const all = await rowsOf(format, text);
        for (const [index, { next }] of all.entries())
          expect((await rowsOf(format, text, { from: next, sizes: chunks })).map(seen)).toEqual(
            all.slice(index + 1).map(seen),
          );
      }),
    );
  });

  test('is completely covered by rows, except line breaks and white space', async () => {
    await fc.assert(
      fc.asyncProperty(content, async (text) => {
        const bytes = Buffer.from(text);
        let at = 0;
        for (const row of [...(await rowsOf(format, text)), undefined]) {
          expect(
            bytes
              .subarray(at, row?.at.offset ?? bytes.length)
              .toString()
              .trim(),
          ).toBe('');
          if (row === undefined) break;
          const { offset, line } = row.at;
          expect(line).toBe(1 + bytes.subarray(0, offset).filter((byte) => byte === 0x0a).length);
          expect(bytesOf(row)).toEqual(bytes.subarray(offset, offset + bytesOf(row).length));
          expect(bytes.subarray(offset + bytesOf(row).length, row.next.offset).toString()).toMatch(/^(\r?\n)?$/);
          at = row.next.offset;
        }
      }),
    );
  });
});

test('cells that are written by RFC 4180 are read back unchanged', async () => {
  const cell = fc.string({ unit: fc.constantFrom('a', 'é', '"', ',', '\n', '\r', ' ', '😀'), maxLength: 8 });
  const quoted = (text: string) => `"${text.replaceAll('"', '""')}"`;
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(cell, { minLength: 1, maxLength: 4 })),
      fc.constantFrom('\n', '\r\n'),
      async (rows, end) => {
        expect(await csv(rows.map((cells) => cells.map(quoted).join(',') + end).join(''))).toEqual(rows);
      },
    ),
  );
});

describe('rows of more than 1 MiB', () => {
  const LONG = 'x'.repeat(LONGEST_ROW_BYTES);
  const long = 'the row is longer than 1048576 bytes, of which only the first are kept here: split it';
  const within = 'a quote is opened and not closed within 1048576 bytes: close it';

  test.each<[string, RowFormat<unknown>, string, (string | 'row')[], number[]]>([
    ['a CSV row that just fits', csvRows, `a\n${LONG}\nb\n`, ['row', 'row', 'row'], [1, 2, 3]],
    ['a CSV row that just fits, with CRLF', csvRows, `a\r\n${LONG}\r\nb\r\n`, ['row', 'row', 'row'], [1, 2, 3]],
    ['a CSV row one byte too long', csvRows, `a\n${LONG}x\nb\n`, ['row', long, 'row'], [1, 2, 3]],
    ['a CSV row one byte too long, with CRLF', csvRows, `a\r\n${LONG}x\r\nb\r\n`, ['row', long, 'row'], [1, 2, 3]],
    ['a CSV row far too long', csvRows, `a\n${LONG.repeat(3)}\nb\n`, ['row', long, 'row'], [1, 2, 3]],
    ['a CSV row too long at the end', csvRows, `a\n${LONG}x`, ['row', long], [1, 2]],
    [
      'a quote that is never closed',
      csvRows,
      `a\n"b\n${'c\n'.repeat(3)}${LONG}\nd\n`,
      ['row', within, 'row', 'row', 'row', 'row', 'row'],
      [1, 2, 3, 4, 5, 6, 7],
    ],
    ['a quote that is closed too late', csvRows, `"b\n${LONG}\n"\nd\n`, [within, 'row', OPEN, 'row'], [1, 2, 3, 4]],
    ['an NDJSON line that just fits', ndjsonRows, `1\n"${LONG.slice(2)}"\n2\n`, ['row', 'row', 'row'], [1, 2, 3]],
    ['an NDJSON line one byte too long', ndjsonRows, `1\n"${LONG.slice(1)}"\n2\n`, ['row', long, 'row'], [1, 2, 3]],
    ['an NDJSON line far too long', ndjsonRows, `1\n"${LONG.repeat(3)}"\n2\n`, ['row', long, 'row'], [1, 2, 3]],
  ])('%s: however it is divided, and wherever reading resumes', async (...[, format, text, outcomes, lines]) => {
    for (const chunks of [[65_536], [LONGEST_ROW_BYTES + 1], [LONGEST_ROW_BYTES * 8], [100_003, 7]]) {
      const rows = await rowsOf(format, text, { sizes: chunks });
      expect(rows.map(({ content: row }) => (row instanceof EventRejected ? row.message : 'row'))).toEqual(outcomes);
      expect(rows.map(({ at }) => at.line)).toEqual(lines);
      expect(Math.max(...rows.map((row) => bytesOf(row).length))).toBeLessThanOrEqual(LONGEST_ROW_BYTES);
      for (const [index, { next }] of rows.entries()) {
        const rest = await rowsOf(format, text, { from: next, sizes: chunks });
        expect(rest.map(({ at }) => at)).toEqual(rows.slice(index + 1).map(({ at }) => at));
      }
    }
  });
});
