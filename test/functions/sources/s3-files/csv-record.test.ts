import fc from 'fast-check';
import { expect, test } from 'vitest';
import { EventRejected } from '../../../../functions/runtime/errors.ts';
import { findPlaces, noPlaces } from '../../../../functions/sources/s3-files/csv-places.ts';
import { csvRows, csvRowsWith } from '../../../../functions/sources/s3-files/csv-rows.ts';
import {
  bytesOf,
  CARRIAGE_RETURN,
  LINE_FEED,
  type LineBreak,
  LONGEST_ROW_BYTES,
  type RowFormat,
  readRows,
} from '../../../../functions/sources/s3-files/rows.ts';
import { csvParseRows } from './csv-parse-rows.ts';

async function* cut(content: Buffer, ...places: readonly number[]): AsyncGenerator<Buffer> {
  for (const [i, at] of [0, ...places].entries()) yield content.subarray(at, places[i]);
}

/** What the rows are: cells or the reason, place, line and bytes. */
async function rowsOf(format: RowFormat<readonly string[]>, chunks: AsyncIterable<Buffer>) {
  const batches = await Array.fromAsync(readRows(chunks, format, { offset: 0, line: 1 }));
  const rows = batches
    .flatMap((batch) => batch.rows)
    .map((row) => {
      const { at, next, content } = row;
      const outcome = content instanceof EventRejected ? `${content.reason}: ${content.message}` : content;
      return { at, next, outcome, bytes: bytesOf(row).toString('latin1') };
    });
  return { rows, next: batches.at(-1)?.next };
}

/** NUL only behind a letter: csv-parse takes a NUL behind a closing quote for the end of the file, and we reject it. */
const hostile = fc
  .array(
    fc.constantFrom(
      ...['"', '""', '"""', ',', '\n', '\r\n', '\r', '\r\r\n', '\n"', '"\n', '",', ',"', '"\r'],
      ...['a', 'bc', ' ', '\t', 'x\0', 'é', '😀', '\ufeff', '\\', '\\"', "'", ';', '-1.5'],
    ),
    { maxLength: 40 },
  )
  .map((parts) => Buffer.from(parts.join('')));
/** Some bytes that are not UTF-8. */
const damaged = fc
  .tuple(hostile, fc.array(fc.nat(80), { maxLength: 3 }))
  .map(([bytes, places]) => bytes.map((byte, i) => (places.includes(i) ? 0xc3 : byte)))
  .map((bytes) => Buffer.from(bytes));

test('hostile CSV gives the rows, rejections and byte offsets that csv-parse gives, wherever the file is cut', async () => {
  await fc.assert(
    fc.asyncProperty(fc.oneof(hostile, damaged), async (bytes) => {
      const expected = await rowsOf(csvParseRows, cut(bytes));
      expect(await rowsOf(csvRows, cut(bytes))).toEqual(expected);
      for (let at = 1; at < bytes.length; at += 1) expect(await rowsOf(csvRows, cut(bytes, at))).toEqual(expected);
    }),
    { numRuns: 300 },
  );
});

/** Our rows without the count of line breaks, which csv-parse does not give. */
function blockOf(block: Buffer, isLast: boolean) {
  const { rows, consumed } = csvRows.rowsOf(block, isLast);
  return { rows: rows.map(({ breaks: _, ...row }) => row), consumed };
}

test('a file that is read in two blocks, cut at any byte, gives the rows of csv-parse at the same offsets', () => {
  fc.assert(
    fc.property(fc.oneof(hostile, damaged), (bytes) => {
      const whole = csvParseRows.rowsOf(bytes, true);
      expect(blockOf(bytes, true)).toEqual(whole);
      for (let at = 1; at <= bytes.length; at += 1) {
        const block = bytes.subarray(0, bytes.subarray(0, at).lastIndexOf(LINE_FEED) + 1);
        const first = blockOf(block, false);
        expect(first).toEqual(csvParseRows.rowsOf(block, false));
        const rest = blockOf(bytes.subarray(first.consumed), true);
        const moved = rest.rows.map((row) => ({
          ...row,
          start: row.start + first.consumed,
          end: row.end + first.consumed,
          next: row.next + first.consumed,
        }));
        expect([...first.rows, ...moved]).toEqual(whole.rows);
      }
    }),
    { numRuns: 300 },
  );
});

test.each([LONGEST_ROW_BYTES - 1, LONGEST_ROW_BYTES, LONGEST_ROW_BYTES + 1])(
  'a quoted row of %i bytes gives what csv-parse gives, also when it is cut near its end',
  async (length) => {
    const long = `"${`${'x,'.repeat(5000)}\n`.repeat(length / 10_000)}`.slice(0, length - 1);
    const bytes = Buffer.from(`a\r\n${long}"\r\nb\r\n`);
    const expected = await rowsOf(csvParseRows, cut(bytes));
    for (const at of [length + 2, length + 4]) expect(await rowsOf(csvRows, cut(bytes, at))).toEqual(expected);
  },
);

test('behind a quoted row that is one byte too long, every line of it is read on its own', () => {
  const long = `"${`${'x'.repeat(9999)}\n`.repeat(106)}`.slice(0, LONGEST_ROW_BYTES);
  for (const end of ['\n', '\r\n', '"\n', ',y\n', '']) {
    const bytes = Buffer.from(`a\n${long}"${end}b,c\n`);
    expect(blockOf(bytes, true)).toEqual(csvParseRows.rowsOf(bytes, true));
  }
});

test('carriage returns end lines as line feeds do in a file that has them instead', () => {
  const swapped = (bytes: Buffer): Buffer =>
    bytes.map((byte) => (byte === CARRIAGE_RETURN ? LINE_FEED : byte === LINE_FEED ? CARRIAGE_RETURN : byte)) as Buffer;
  fc.assert(
    fc.property(hostile, (bytes) => {
      const text = Buffer.from(bytes.toString().replaceAll('\r\n', '\n').replaceAll('\r', ' '));
      const places = ({ start, end, next }: { start: number; end: number; next: number }) => [start, end, next];
      const carriageReturns = csvRowsWith(CARRIAGE_RETURN).rowsOf(Buffer.from(swapped(text)), true);
      expect(carriageReturns.rows.map(places)).toEqual(csvRows.rowsOf(text, true).rows.map(places));
    }),
  );
});

test('a record of 10,000 cells keeps every cell', () => {
  const cells = Array.from({ length: 10_000 }, (_, i) => `c${i}`);
  const quoted = cells.map((cell) => `"${cell}"`);
  const { rows } = csvRows.rowsOf(Buffer.from(`${cells.join(',')}\n${quoted.join(',')}\n`), true);
  expect(rows.map(({ content }) => content)).toEqual([cells, cells]);
});

test('the places of quotes, commas and line breaks are found in a block of any length, and none behind its end', () => {
  const places = noPlaces();
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 300 }),
      fc.constantFrom<LineBreak>(LINE_FEED, CARRIAGE_RETURN),
      hostile,
      (pad, lineBreak, bytes) => {
        const block = Buffer.concat([Buffer.alloc(pad, 'x'), bytes]);
        findPlaces(places, block, lineBreak);
        const meaning = [0x22, 0x2c, lineBreak];
        const expected = [...block.keys()].filter((at) => meaning.includes(block[at] as number));
        expect([...places.at.subarray(0, places.count + 1)]).toEqual([...expected, block.length]);
      },
    ),
  );
  const long = Buffer.from('x,'.repeat(100_000));
  findPlaces(places, long, LINE_FEED);
  expect(places.count).toBe(100_000);
  expect(places.at.subarray(0, places.count).every((at, i) => at === 2 * i + 1)).toBe(true);
});
