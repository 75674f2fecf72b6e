import { hasUtf8Mark, UTF8_MARK } from '../../../../functions/runtime/json/json-bytes.ts';

/** Converts a text to UTF-8 without a byte order mark. The text is UTF-16 if the mark says so. */
export async function* utf8Of(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let convert: ((chunk: Buffer) => Buffer) | undefined;
  let first: Buffer = Buffer.alloc(0);
  for await (const chunk of chunks) {
    if (convert !== undefined) {
      yield convert(chunk);
      continue;
    }
    first = Buffer.concat([first, chunk]);
    if (first.length < UTF8_MARK.length) continue;
    convert = conversionOf(first);
    yield convert(withoutMark(first));
  }
  if (convert === undefined && first.length > 0) yield conversionOf(first)(withoutMark(first));
}

const withoutMark = (first: Buffer): Buffer => first.subarray(hasUtf8Mark(first) ? UTF8_MARK.length : 0);

function conversionOf(first: Buffer): (chunk: Buffer) => Buffer {
  if (first[0] !== 0xff || first[1] !== 0xfe) return (chunk) => chunk;
  const decoder = new TextDecoder('utf-16le');
  return (chunk) => Buffer.from(decoder.decode(chunk, { stream: true }));
}
