import { createReadStream } from 'node:fs';
import { parse } from 'csv-parse';

export interface InputFile {
  /** A path, or `-` for standard input. */
  readonly name: string;
  readonly format: 'ndjson' | 'csv';
}

/** Whole lines of an input, many at a time: every part ends with a line break, except perhaps the last one. */
export async function* readLines(file: InputFile, stdin: NodeJS.ReadableStream): AsyncGenerator<Buffer> {
  const stream = file.name === '-' ? stdin : createReadStream(file.name, { highWaterMark: 1 << 20 });
  if (file.format === 'csv') yield* csvLines(stream);
  else yield* wholeLines(stream);
}

const LINE_BREAK = 0x0a;

async function* wholeLines(stream: NodeJS.ReadableStream): AsyncGenerator<Buffer> {
  let rest: Buffer[] = [];
  for await (const part of stream) {
    const chunk = typeof part === 'string' ? Buffer.from(part) : (part as Buffer);
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
async function* csvLines(stream: NodeJS.ReadableStream): AsyncGenerator<Buffer> {
  const records = stream.pipe(
    parse({
      columns: true,
      bom: true,
      skip_empty_lines: true,
      cast: (text, { quoting }) => (quoting ? `"${text}` : text),
    }),
  );
  let lines: string[] = [];
  for await (const record of records as AsyncIterable<Record<string, string>>) {
    lines.push(
      `{${Object.entries(record)
        .map(([name, text]) => `${JSON.stringify(name.replace(/^"/, ''))}:${csvValue(text)}`)
        .join(',')}}\n`,
    );
    if (lines.length < BATCH) continue;
    yield Buffer.from(lines.join(''));
    lines = [];
  }
  if (lines.length > 0) yield Buffer.from(lines.join(''));
}

/** A field that was quoted, marked by a leading quote, is text whatever it looks like. */
function csvValue(text: string): string {
  if (text.startsWith('"')) return JSON.stringify(text.slice(1));
  if (text === '') return 'null';
  return NUMBER.test(text) || text === 'true' || text === 'false' ? text : JSON.stringify(text);
}
