import type { IncomingMessage } from 'node:http';
import { S3Failure } from './failure.ts';

/** Reads an object's bytes out of a request, also when the SDK sends them as `aws-chunked`, with a checksum behind. */
export function contentOf(request: IncomingMessage): AsyncIterable<Buffer> {
  const { 'content-encoding': encoding = '', 'x-amz-content-sha256': hash = '' } = request.headers;
  return encoding.includes('aws-chunked') || String(hash).startsWith('STREAMING-') ? chunksOf(request) : request;
}

/** Reads a small body, such as XML. */
export async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of contentOf(request)) {
    size += chunk.length;
    if (size > MOST_TEXT_BYTES)
      throw new S3Failure(400, 'MaxMessageLengthExceeded', `the body is larger than ${MOST_TEXT_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

const MOST_TEXT_BYTES = 4 * 1024 * 1024;
const MOST_LINE_BYTES = 4 * 1024;

/**
 * Decodes `aws-chunked`: each chunk is a line with its size in hexadecimal digits and perhaps a signature, its bytes,
 * and a line break. A chunk without bytes ends the content; checksums and signatures are not verified.
 */
async function* chunksOf(request: AsyncIterable<Buffer>): AsyncIterable<Buffer> {
  const lines = chunkLines();
  let left = 0;
  for await (const bytes of request) {
    for (let at = 0; at < bytes.length; ) {
      const data = bytes.subarray(at, at + left);
      if (data.length > 0) yield data;
      at += data.length;
      left -= data.length;
      if (left > 0) break;
      ({ at, left } = lines.read(bytes, at));
    }
  }
  if (!lines.ended || left > 0) throw new S3Failure(400, 'IncompleteBody', 'the body ends before its last chunk');
}

/** Reads the lines between chunks, which may arrive in pieces. After the last chunk, it reads and ignores the rest. */
function chunkLines() {
  let line = '';
  const lines = {
    ended: false,
    read(bytes: Buffer, from: number): { at: number; left: number } {
      if (lines.ended || from === bytes.length) return { at: bytes.length, left: 0 };
      const end = bytes.indexOf('\n', from);
      line += bytes.toString('latin1', from, end < 0 ? bytes.length : end);
      if (line.length > MOST_LINE_BYTES) throw malformed('a line without an end');
      if (end < 0) return { at: bytes.length, left: 0 };
      const size = line.trim() === '' ? undefined : sizeOf(line);
      line = '';
      lines.ended = size === 0;
      return { at: end + 1, left: size ?? 0 };
    },
  };
  return lines;
}

function sizeOf(line: string): number {
  const digits = /^([0-9a-f]{1,12})(?:;.*)?\r?$/i.exec(line)?.[1];
  if (digits === undefined) throw malformed('a chunk without a size');
  return Number.parseInt(digits, 16);
}

function malformed(what: string): S3Failure {
  return new S3Failure(400, 'InvalidRequest', `the body says that it is aws-chunked, and has ${what}`);
}
