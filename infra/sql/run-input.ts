import { closeSync, createReadStream, openSync, readSync } from 'node:fs';
import { pipeline } from 'node:stream';
import { parse } from 'csv-parse';

export interface InputFile {
  /** A path, or `-` for standard input. */
  readonly name: string;
  readonly format: 'ndjson' | 'csv';
}

export interface Input {
  readonly file: InputFile;
  /** As `readLines` gives them. */
  readonly parts: AsyncGenerator<Buffer>;
}

/** Is told of records that cannot be read. */
export type Reject = (reasons: readonly string[]) => Promise<void>;

/**
 * Whole lines of an input, many at a time: every part ends with a line break, except perhaps the last one. A part is overwritten by the
 * next.
 */
export async function* readLines(
  file: InputFile,
  stdin: NodeJS.ReadableStream,
  reject: Reject,
): AsyncGenerator<Buffer> {
  try {
    if (file.format === 'csv') {
      const stream = file.name === '-' ? stdin : createReadStream(file.name, { highWaterMark: PART });
      yield* csvLines(stream, (reasons) => reject(reasons.map((reason) => `${file.name}: ${reason}`)));
    } else if (file.name === '-') yield* wholeLines(stdin);
    else yield* fileLines(file.name);
  } catch (error) {
    throw Object.assign(error as Error, { path: file.name });
  }
}

const LINE_BREAK = 0x0a;
const PART = 1 << 20;

/** Into one buffer, and without a thread of its own: new buffers and their way between threads took as long as the lines themselves. */
async function* fileLines(name: string): AsyncGenerator<Buffer> {
  const file = openSync(name, 'r');
  let buffer = Buffer.allocUnsafeSlow(PART);
  let kept = 0;
  try {
    for (;;) {
      if (kept === buffer.length) buffer = Buffer.concat([buffer], 2 * kept);
      const read = readSync(file, buffer, kept, buffer.length - kept, null);
      const filled = buffer.subarray(0, kept + read);
      const end = read === 0 ? kept : filled.lastIndexOf(LINE_BREAK) + 1;
      if (end > 0) yield filled.subarray(0, end);
      if (read === 0) return;
      buffer.copyWithin(0, end, filled.length);
      kept = filled.length - end;
    }
  } finally {
    closeSync(file);
  }
}

async function* wholeLines(stream: NodeJS.ReadableStream): AsyncGenerator<Buffer> {
  let rest: Buffer[] = [];
  for await (const part of stream) {
    const chunk = typeof part === 'string' ? Buffer.from(part) : (part as Buffer);
    if (chunk.length === 0) continue;
    const end = chunk.lastIndexOf(LINE_BREAK) + 1;
    if (end === 0) {
      rest.push(chunk);
      continue;
    }
    yield rest.length === 0 ? chunk.subarray(0, end) : Buffer.concat([...rest, chunk.subarray(0, end)]);
    rest = end === chunk.length ? [] : [chunk.subarray(end)];
  }
  if (rest.length > 0) yield Buffer.concat(rest);
}

const BATCH = 500;
const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?$/;

/** A line of CSV is an object of its header's names: numbers as numbers, true and false as booleans, empty fields as null, the rest as text. */
async function* csvLines(stream: NodeJS.ReadableStream, reject: Reject): AsyncGenerator<Buffer> {
  let skipped: string[] = [];
  const rejectSkipped = async (): Promise<void> => {
    const reasons = skipped;
    skipped = [];
    if (reasons.length > 0) await reject(reasons);
  };
  const records = parse({
    bom: true,
    skip_empty_lines: true,
    skip_records_with_error: true,
    on_skip: (error) => {
      skipped.push(error?.message ?? 'a record cannot be read');
    },
    cast: (text, { quoting }) => (quoting ? `"${text}` : text),
  });
  // What goes wrong with the stream ends the records too.
  pipeline(stream, records, () => undefined);
  let keys: readonly string[] | undefined;
  let lines: string[] = [];
  for await (const record of records as AsyncIterable<readonly string[]>) {
    if (keys === undefined) {
      keys = record.map((name, i) => `${i === 0 ? '{' : ','}${JSON.stringify(name.replace(/^"/, ''))}:`);
      continue;
    }
    let line = '';
    for (let i = 0; i < keys.length; i += 1) line += `${keys[i]}${csvValue(record[i] ?? '')}`;
    lines.push(`${line}}\n`);
    if (lines.length < BATCH) continue;
    await rejectSkipped();
    yield Buffer.from(lines.join(''));
    lines = [];
  }
  await rejectSkipped();
  if (lines.length > 0) yield Buffer.from(lines.join(''));
}

/** A field that was quoted, marked by a leading quote, is text whatever it looks like. */
function csvValue(text: string): string {
  if (text.startsWith('"')) return JSON.stringify(text.slice(1));
  if (text === '') return 'null';
  return NUMBER.test(text) || text === 'true' || text === 'false' ? text : JSON.stringify(text);
}
