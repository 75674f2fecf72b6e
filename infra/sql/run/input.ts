import { closeSync, openSync, readSync } from 'node:fs';
import { UserMistake } from '../../../functions/runtime/errors.ts';
import { hasUtf8Mark, SPACE, UTF8_MARK } from '../../../functions/runtime/json/json-bytes.ts';
import { chained, peek } from '../../../functions/sources/s3-files/chunks.ts';
import { compressionIn, MAGIC_BYTES } from '../../../functions/sources/s3-files/compression.ts';
import { findArray, isOneArray } from '../../../functions/sources/s3-files/json-array.ts';
import { inferColumnsOfLines } from '../schema/infer-columns.ts';
import { csvReader } from './csv/input.ts';
import type { InputReader, InputReports, Part } from './csv/input-reader.ts';
import { elementLines } from './elements.ts';

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
    file.format === 'csv' ? csvReader(chunksOf(file, stdin), reports) : jsonReader(jsonLines(file, stdin, reports));
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

const chunksOf = ({ name }: InputFile, stdin: NodeJS.ReadableStream): AsyncGenerator<Buffer> =>
  checked(name === '-' ? buffersOf(stdin) : fileChunks(name), refuseCompressed);

async function* buffersOf(stream: NodeJS.ReadableStream): AsyncGenerator<Buffer> {
  for await (const chunk of stream) yield typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
}

function jsonReader(lines: AsyncGenerator<Part>): InputReader {
  let first: Part | undefined;
  return {
    async columns() {
      const { value, done } = await lines.next();
      if (done === true) return undefined;
      first = value;
      const { columns, mixed } = inferColumnsOfLines(value.text);
      return { columns, mixed: mixed.map((each) => ({ ...each, line: lineIn(value, each.line) })) };
    },
    async *parts() {
      try {
        if (first !== undefined) yield first;
        yield* lines;
      } finally {
        await lines.return(undefined);
      }
    },
  };
}

const lineIn = ({ lineOf }: Part, line: number): number => lineOf?.(line - 1) ?? line;

/** Checks the first bytes of JSON. A byte order mark becomes blanks, which JSON ignores. */
function prepare(head: Buffer): void {
  refuseCompressed(head);
  if (hasUtf8Mark(head)) head.fill(SPACE, 0, UTF8_MARK.length);
}

function refuseCompressed(head: Buffer): void {
  const name = compressionIn(head);
  if (name === undefined) return;
  throw new UserMistake(
    `is compressed with ${name}: decompress it and give the statement the result, as in: ${name} -dc <file> | millrace sql '…'`,
  );
}

/** Checks the first bytes of chunks, which the check may change, and yields all of them. */
async function* checked(chunks: AsyncIterable<Buffer>, check: (head: Buffer) => void): AsyncGenerator<Buffer> {
  const { head, all } = await peek(chunks, MAGIC_BYTES);
  check(head);
  yield* all;
}

const LINE_BREAK = 0x0a;
const PART = 1 << 20;
/** Small enough to stay in the processor's cache while its records are scanned and converted. */
const CSV_PART = 1 << 18;
/** Small enough for the garbage collector to free the elements of a part while they are young. */
const ARRAY_PART = 1 << 16;
/** Usually shows whether a file is an array. */
const HEAD = 1 << 12;

function jsonLines({ name }: InputFile, stdin: NodeJS.ReadableStream, reports: InputReports): AsyncGenerator<Part> {
  return name === '-' ? streamLines(stdin, reports) : fileLines(name, reports);
}

async function* streamLines(stdin: NodeJS.ReadableStream, reports: InputReports): AsyncGenerator<Part> {
  const { isArray, chunks } = await findArray(checked(buffersOf(stdin), prepare));
  if (isArray) yield* elementLines(chunks, reports);
  else for await (const text of wholeLines(chunks)) yield { text };
}

/**
 * Reads a file in parts of whole lines, into one buffer and on this thread. Allocating buffers and passing them between
 * threads took as long as processing the lines.
 */
async function* fileLines(name: string, reports: InputReports): AsyncGenerator<Part> {
  const file = openSync(name, 'r');
  let buffer = Buffer.allocUnsafeSlow(PART);
  try {
    let kept = 0;
    let isArray: boolean | undefined;
    for (let wanted = HEAD; isArray === undefined; wanted = PART) {
      const read = readSync(file, buffer, kept, wanted - kept, null);
      if (kept === 0) prepare(buffer.subarray(0, read));
      kept += read;
      isArray = isOneArray(buffer.subarray(0, kept), read === 0 || kept === PART);
    }
    if (isArray) return yield* elementLines(chained([buffer.subarray(0, kept)], restOf(file, ARRAY_PART)), reports);
    for (;;) {
      if (kept === buffer.length) buffer = Buffer.concat([buffer], 2 * kept);
      const read = readSync(file, buffer, kept, buffer.length - kept, null);
      const filled = buffer.subarray(0, kept + read);
      const end = read === 0 ? kept : filled.lastIndexOf(LINE_BREAK) + 1;
      if (end > 0) yield { text: filled.subarray(0, end) };
      if (read === 0) return;
      buffer.copyWithin(0, end, filled.length);
      kept = filled.length - end;
    }
  } finally {
    closeSync(file);
  }
}

async function* fileChunks(name: string): AsyncGenerator<Buffer> {
  const file = openSync(name, 'r');
  try {
    yield* restOf(file, CSV_PART);
  } finally {
    closeSync(file);
  }
}

async function* restOf(file: number, bytes: number): AsyncGenerator<Buffer> {
  for (;;) {
    const buffer = Buffer.allocUnsafeSlow(bytes);
    const read = readSync(file, buffer, 0, buffer.length, null);
    if (read === 0) return;
    yield buffer.subarray(0, read);
  }
}

async function* wholeLines(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let rest: Buffer[] = [];
  for await (const chunk of chunks) {
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
