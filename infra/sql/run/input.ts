import { closeSync, createReadStream, openSync, readSync } from 'node:fs';
import { inferColumnsOfLines } from '../schema/infer-columns.ts';
import { csvReader } from './csv/input.ts';
import type { InputReader, InputReports } from './csv/input-reader.ts';

export interface InputFile {
  /** A path, or `-` for standard input. */
  readonly name: string;
  readonly format: 'ndjson' | 'csv';
}

export interface Input extends InputReader {
  readonly file: InputFile;
}

/** Opens an input. Errors of the file itself carry its name as `path`, with the line if it is known. */
export function openInput(file: InputFile, stdin: NodeJS.ReadableStream, reports: InputReports): Input {
  const reader =
    file.format === 'csv' ? csvReader(chunksOf(file, stdin), reports) : jsonReader(readLines(file.name, stdin));
  return {
    file,
    columns: () => naming(file, reader.columns()),
    async *parts(wanted) {
      const parts = reader.parts(wanted);
      try {
        for (;;) {
          const { value, done } = await naming(file, parts.next());
          if (done === true) return;
          yield value;
        }
      } finally {
        await parts.return(undefined);
      }
    },
  };
}

async function naming<T>({ name }: InputFile, result: Promise<T>): Promise<T> {
  try {
    return await result;
  } catch (error) {
    const { line } = error as { line?: number };
    throw Object.assign(error as Error, { path: line === undefined ? name : `${name}:${line}` });
  }
}

async function* chunksOf({ name }: InputFile, stdin: NodeJS.ReadableStream): AsyncGenerator<Buffer> {
  const stream = name === '-' ? stdin : createReadStream(name, { highWaterMark: CSV_PART });
  for await (const chunk of stream) yield typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
}

function jsonReader(lines: AsyncGenerator<Buffer>): InputReader {
  let first: Buffer | undefined;
  return {
    async columns() {
      const { value, done } = await lines.next();
      if (done === true) return undefined;
      first = value;
      return inferColumnsOfLines(value);
    },
    async *parts() {
      if (first !== undefined) yield { text: first };
      for await (const text of lines) yield { text };
    },
  };
}

const LINE_BREAK = 0x0a;
const PART = 1 << 20;
/** Small enough to stay in the processor's cache while its records are scanned and converted. */
const CSV_PART = 1 << 18;

function readLines(name: string, stdin: NodeJS.ReadableStream): AsyncGenerator<Buffer> {
  return name === '-' ? wholeLines(stdin) : fileLines(name);
}

/**
 * Reads a file in parts of whole lines, into one buffer and on this thread. Allocating buffers and passing them between
 * threads took as long as processing the lines.
 */
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
