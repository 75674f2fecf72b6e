import { CsvError, parse } from 'csv-parse/sync';

/** Is told of a CSV file's records in their order. Lines count from 1. */
export interface CsvVisitor {
  /** Whole lines [from, to) of the block without a quote: their cells are what stands between commas. */
  readonly plain: (block: Buffer, range: { readonly from: number; readonly to: number; readonly line: number }) => void;
  /** A record with a quote somewhere, or one beside it. A cell that was quoted is marked by a leading quote. */
  readonly record: (cells: readonly string[], line: number) => void;
  readonly refused: (line: number, reason: string) => void;
}

/** Where a reader is. */
export interface CsvPlace {
  line: number;
  /** The next block begins within a line that was too long. */
  isInLongLine: boolean;
}

export const firstPlace = (): CsvPlace => ({ line: 1, isInLongLine: false });

export const LINE_BREAK = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const QUOTE = 0x22;

/**
 * A record, or a line, may have this many bytes: what is longer is a quote that somebody forgot to close, or no CSV.
 */
const LONGEST_RECORD = 1 << 20;

/**
 * Reads the records of a block that starts where a record starts, or in a line that was too long, and gives how many
 * bytes they take up. RFC 4180 by csv-parse; lines without a quote need no parser, and are most of most files. A record
 * that cannot be read costs its first line alone.
 */
export function readRecords(
  block: Buffer,
  { place, isLast }: { place: CsvPlace; isLast: boolean },
  visitor: CsvVisitor,
): number {
  let at = place.isInLongLine ? skipLine(block, 0, place) : 0;
  for (;;) {
    const long = longLine(block, at);
    const end = long ?? (isLast ? block.length : block.lastIndexOf(LINE_BREAK) + 1);
    at = readBetween({ block, end, isLast }, at, { place, visitor });
    if (long === undefined) return at;
    visitor.refused(place.line, 'the line is longer than 1 MiB');
    place.line += 1;
    at = skipLine(block, long, place);
  }
}

/** Where the first line begins that is too long, whether its end is in the block or not. */
function longLine(block: Buffer, from: number): number | undefined {
  for (let at = from; block.length - at > LONGEST_RECORD; ) {
    const last = block.subarray(at, at + LONGEST_RECORD + 1).lastIndexOf(LINE_BREAK);
    if (last === -1) return at;
    at += last + 1;
  }
  return undefined;
}

function skipLine(block: Buffer, from: number, place: CsvPlace): number {
  const found = block.indexOf(LINE_BREAK, from);
  place.isInLongLine = found === -1;
  return found === -1 ? block.length : found + 1;
}

/** Reads the records between two lines that are too long, and gives where they end. */
function readBetween(of: Block, from: number, reader: Reader): number {
  const { block, end } = of;
  const { place, visitor } = reader;
  const parsed = parseLines(block, from, end);
  let at = from;
  while (at < end) {
    const cells = parsed.get(at);
    if (cells !== undefined) {
      visitor.record(cells, place.line);
      place.line += 1;
      at = lineEnd(block, at, end);
      continue;
    }
    const quote = block.indexOf(QUOTE, at);
    const to = quote === -1 || quote >= end ? end : Math.max(at, block.lastIndexOf(LINE_BREAK, quote) + 1);
    if (to > at) visitor.plain(block, { from: at, to, line: place.line });
    place.line += lineBreaks(block, at, to);
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
 * The lines with a quote that are a record each, by where they begin: parsed in one go, because a parser of its own
 * would take longer than a line. It ends at a line that is no record: what comes behind it is not known to begin a
 * record.
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
  /** Where its last whole line ends, or one begins that is too long. */
  readonly end: number;
  readonly isLast: boolean;
}

interface Reader {
  readonly place: CsvPlace;
  readonly visitor: CsvVisitor;
}

/** Records from one with a quote on, and where they end; undefined when the last of them goes on in the next block. */
function readQuoted(of: Block, from: number, reader: Reader): number | undefined {
  const { block, end, isLast } = of;
  const { place, visitor } = reader;
  let at = from;
  let to = quotesEnd(block, at, end);
  for (;;) {
    const { next, stop } = parseRecords(block, { from: at, to }, reader);
    at = next;
    if (stop === undefined) return at;
    const isShort = block.length - at <= LONGEST_RECORD;
    if (stop === 'open' && to < end && to - at <= LONGEST_RECORD) {
      to = further(block, { at, to, end });
      continue;
    }
    if (stop === 'open' && !isLast && isShort) return at === from ? undefined : at;
    visitor.refused(place.line, REASONS[stop === 'open' && !isShort ? 'long' : stop]);
    place.line += 1;
    at = lineEnd(block, at, end);
    // Behind an open quote there may be nothing but lines without quotes. Otherwise `to` still holds, and is not looked
    // for again.
    if (stop === 'open' || at >= to) return at;
  }
}

/**
 * Where a quote may be closed that is open at `to`. Twice as far each time, or a quote that nobody closes would cost
 * its square.
 */
function further(block: Buffer, { at, to, end }: { at: number; to: number; end: number }): number {
  const quote = block.indexOf(QUOTE, to);
  return quote === -1 || quote >= end ? end : lineEnd(block, Math.max(quote, 2 * to - at), end);
}

const REASONS = {
  open: 'a quote is opened and not closed',
  long: 'a quote is opened and not closed within 1 MiB',
  quotes:
    'an unquoted field contains a quote, or text follows a closing quote: quote the field and double the quotes inside it',
} as const;

/** Fewer bytes without a quote are parsed along: a parser of their own would take longer. */
const WORTH_A_STOP = 512;

/** The end of the first line behind which there is no quote for a while. */
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

/** Gives the end of the last record that can be read, and why the next one cannot. */
function parseRecords(
  block: Buffer,
  { from, to }: { from: number; to: number },
  { place, visitor }: Reader,
): { readonly next: number; readonly stop: Stop | undefined } {
  let next = from;
  try {
    parseCells(block.subarray(from, to), (cells, bytes) => {
      const start = next;
      if (from + bytes - start > LONGEST_RECORD) throw NO_RECORD;
      next = from + bytes;
      if (!isBlank(block, start, next)) visitor.record(cells, place.line);
      place.line += lineBreaks(block, start, next);
    });
    return { next: to, stop: undefined };
  } catch (error) {
    if (error === NO_RECORD) return { next, stop: 'open' };
    if (!(error instanceof CsvError)) throw error;
    return { next, stop: error.code === 'CSV_QUOTE_NOT_CLOSED' ? 'open' : 'quotes' };
  }
}

/** Gives each record with where it ends. */
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

/** Where the text of a line ends that ends at `to`, its break left out. */
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
