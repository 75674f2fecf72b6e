import { CsvError, parse } from 'csv-parse/sync';

/** Receives the records of a CSV file in order. Line numbers start at 1. */
export interface CsvVisitor {
  /** Whole lines [from, to) of the block without any quote. Their cells are the texts between commas. */
  readonly plain: (block: Buffer, range: { readonly from: number; readonly to: number; readonly line: number }) => void;
  /** A record with quotes, or one that was parsed along with such a record. A quoted cell has a leading quote. */
  readonly record: (cells: readonly string[], line: number) => void;
  readonly rejected: (line: number, reason: string) => void;
}

/** The position of a reader in its file. */
export interface CsvPosition {
  line: number;
  /** The next block begins in the middle of a line that was too long. */
  isInLongLine: boolean;
}

export const startPosition = (): CsvPosition => ({ line: 1, isInLongLine: false });

export const LINE_BREAK = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const QUOTE = 0x22;

/** The most bytes that a record or line may have. A longer one has a quote that is never closed, or is not CSV. */
const LONGEST_RECORD = 1 << 20;

/**
 * Reads the records of a block and returns the number of bytes read. The block begins with a record, or in the middle
 * of a line that was too long. csv-parse implements RFC 4180; lines without a quote, the most common kind, need no
 * parser. A record that cannot be read is rejected, and reading continues with the line after its first one.
 */
export function readRecords(
  block: Buffer,
  { position, isLast }: { position: CsvPosition; isLast: boolean },
  visitor: CsvVisitor,
): number {
  let at = position.isInLongLine ? skipLine(block, 0, position) : 0;
  for (;;) {
    const long = longLine(block, at);
    const end = long ?? (isLast ? block.length : block.lastIndexOf(LINE_BREAK) + 1);
    at = readBetween({ block, end, isLast }, at, { position, visitor });
    if (long === undefined) return at;
    visitor.rejected(position.line, 'the line is longer than 1 MiB');
    position.line += 1;
    at = skipLine(block, long, position);
  }
}

/** Finds the start of the first line that is too long, whether it ends in this block or not. */
function longLine(block: Buffer, from: number): number | undefined {
  for (let at = from; block.length - at > LONGEST_RECORD; ) {
    const last = block.subarray(at, at + LONGEST_RECORD + 1).lastIndexOf(LINE_BREAK);
    if (last === -1) return at;
    at += last + 1;
  }
  return undefined;
}

function skipLine(block: Buffer, from: number, position: CsvPosition): number {
  const found = block.indexOf(LINE_BREAK, from);
  position.isInLongLine = found === -1;
  return found === -1 ? block.length : found + 1;
}

/** Reads the records between two lines that are too long, and returns their end. */
function readBetween(of: Block, from: number, reader: Reader): number {
  const { block, end } = of;
  const { position, visitor } = reader;
  const parsed = parseLines(block, from, end);
  let at = from;
  while (at < end) {
    const cells = parsed.get(at);
    if (cells !== undefined) {
      visitor.record(cells, position.line);
      position.line += 1;
      at = lineEnd(block, at, end);
      continue;
    }
    const quote = block.indexOf(QUOTE, at);
    const to = quote === -1 || quote >= end ? end : Math.max(at, block.lastIndexOf(LINE_BREAK, quote) + 1);
    if (to > at) visitor.plain(block, { from: at, to, line: position.line });
    position.line += lineBreaks(block, at, to);
    at = to;
    if (at === end) break;
    if (parsed.has(at)) continue;
    const next = readQuoted(of, at, reader);
    if (next === undefined) break;
    at = next;
  }
  return at;
}

/**
 * Parses all lines with a quote of which each is one record, and returns their cells by the start of the line. One call
 * parses them together, because starting a parser takes longer than parsing a line. Stops at the first line that is not
 * a whole record: the line after it may not begin a record.
 */
function parseLines(block: Buffer, from: number, end: number): ReadonlyMap<number, readonly string[]> {
  const lines: Buffer[] = [];
  const starts: number[] = [];
  for (let quote = block.indexOf(QUOTE, from); quote !== -1 && quote < end; ) {
    const start = block.lastIndexOf(LINE_BREAK, quote) + 1;
    const next = lineEnd(block, quote, end);
    lines.push(block.subarray(start, next));
    starts.push(start);
    quote = block.indexOf(QUOTE, next);
  }
  const parsed = new Map<number, readonly string[]>();
  let expected = 0;
  try {
    parseCells(Buffer.concat(lines), (cells, bytes) => {
      expected += lines[parsed.size]?.length ?? 0;
      if (bytes !== expected) throw NO_RECORD;
      parsed.set(starts[parsed.size] ?? 0, cells);
    });
  } catch (error) {
    if (error !== NO_RECORD && !(error instanceof CsvError)) throw error;
  }
  return parsed;
}

const NO_RECORD = new Error('no record');

interface Block {
  readonly block: Buffer;
  /** The end of the last whole line, or the start of a line that is too long. */
  readonly end: number;
  readonly isLast: boolean;
}

interface Reader {
  readonly position: CsvPosition;
  readonly visitor: CsvVisitor;
}

/** Reads records from one with a quote on and returns their end; undefined if the first continues in the next block. */
function readQuoted(of: Block, from: number, reader: Reader): number | undefined {
  const { block, end, isLast } = of;
  const { position, visitor } = reader;
  let at = from;
  let to = quotesEnd(block, at, end);
  for (;;) {
    const { next, stop } = parseRecords(block, { from: at, to }, reader);
    at = next;
    if (stop === undefined) return at;
    const isShort = block.length - at <= LONGEST_RECORD;
    if (stop === 'open' && to < end && to - at <= LONGEST_RECORD) {
      to = extendedEnd(block, { at, to, end });
      continue;
    }
    if (stop === 'open' && !isLast && isShort) return at === from ? undefined : at;
    visitor.rejected(position.line, REASONS[stop === 'open' && !isShort ? 'long' : stop]);
    position.line += 1;
    at = lineEnd(block, at, end);
    // After an open quote there may be only lines without quotes. Otherwise `to` is still valid and need not be
    // searched for again.
    if (stop === 'open' || at >= to) return at;
  }
}

/**
 * Returns a later end at which a quote that is open at `to` may be closed. Doubles the length each time; otherwise a
 * quote that is never closed would take time in the square of the length.
 */
function extendedEnd(block: Buffer, { at, to, end }: { at: number; to: number; end: number }): number {
  const quote = block.indexOf(QUOTE, to);
  return quote === -1 || quote >= end ? end : lineEnd(block, Math.max(quote, 2 * to - at), end);
}

const REASONS = {
  open: 'a quote is opened and not closed',
  long: 'a quote is opened and not closed within 1 MiB',
  quotes:
    'an unquoted field contains a quote, or text follows a closing quote: quote the field and double the quotes inside it',
} as const;

/** A gap of fewer bytes without a quote is parsed along, because starting another parser would take longer. */
const WORTH_A_STOP = 512;

/** Returns the end of the first line that is followed by a longer gap without quotes. */
function quotesEnd(block: Buffer, from: number, end: number): number {
  let quote = block.indexOf(QUOTE, from);
  for (;;) {
    const to = lineEnd(block, quote === -1 ? from : quote, end);
    quote = to >= end ? -1 : block.indexOf(QUOTE, to);
    if (quote === -1 || quote - to > WORTH_A_STOP) return to;
  }
}

function lineEnd(block: Buffer, from: number, end: number): number {
  const found = block.indexOf(LINE_BREAK, from);
  return found === -1 || found >= end ? end : found + 1;
}

type Stop = 'open' | 'quotes';

/** Returns the end of the last record that can be read, and why the next one cannot. */
function parseRecords(
  block: Buffer,
  { from, to }: { from: number; to: number },
  { position, visitor }: Reader,
): { readonly next: number; readonly stop: Stop | undefined } {
  let next = from;
  try {
    parseCells(block.subarray(from, to), (cells, bytes) => {
      const start = next;
      if (from + bytes - start > LONGEST_RECORD) throw NO_RECORD;
      next = from + bytes;
      if (!isBlank(block, start, next)) visitor.record(cells, position.line);
      position.line += lineBreaks(block, start, next);
    });
    return { next: to, stop: undefined };
  } catch (error) {
    if (error === NO_RECORD) return { next, stop: 'open' };
    if (!(error instanceof CsvError)) throw error;
    return { next, stop: error.code === 'CSV_QUOTE_NOT_CLOSED' ? 'open' : 'quotes' };
  }
}

/** Calls `found` with the cells and the end of each record. */
function parseCells(bytes: Buffer, found: (cells: readonly string[], bytes: number) => void): void {
  parse(bytes, {
    record_delimiter: ['\r\n', '\n'],
    relax_column_count: true,
    bom: false,
    cast: (text, { quoting }) => (quoting ? `"${text}` : text),
    on_record(cells: string[], { bytes: end }: { bytes: number }) {
      found(cells, end);
      return null;
    },
  });
}

const isBlank = (block: Buffer, from: number, to: number): boolean =>
  to - from <= 2 && (block[from] === LINE_BREAK || (block[from] === CARRIAGE_RETURN && block[from + 1] === LINE_BREAK));

/** Returns the end of a line's text without its line break. */
export function textEnd(block: Buffer, from: number, to: number): number {
  const end = to > from && block[to - 1] === LINE_BREAK ? to - 1 : to;
  return end > from && block[end - 1] === CARRIAGE_RETURN ? end - 1 : end;
}

function lineBreaks(block: Buffer, from: number, to: number): number {
  let count = 0;
  for (let at = block.indexOf(LINE_BREAK, from); at !== -1 && at < to; at = block.indexOf(LINE_BREAK, at + 1))
    count += 1;
  return count;
}
