/**
 * Converts a text to UTF-8 with line feeds. Removes a byte order mark, converts UTF-16 if the mark says so, and
 * replaces carriage returns by line feeds if carriage returns alone end the lines.
 */
export async function* utf8Of(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let convert: ((chunk: Buffer) => Buffer) | undefined;
  let first: Buffer = Buffer.alloc(0);
  for await (const chunk of chunks) {
    if (convert !== undefined) {
      yield convert(chunk);
      continue;
    }
    first = Buffer.concat([first, chunk]);
    if (first.length < BYTE_ORDER_MARK.length || isCutInBreak(first)) continue;
    convert = conversionOf(first);
    yield convert(withoutMark(first));
  }
  if (convert === undefined && first.length > 0) yield conversionOf(first)(withoutMark(first));
}

/** Tests whether the first line break may continue in the next chunk. */
const isCutInBreak = (first: Buffer): boolean => first.at(-1) === CARRIAGE_RETURN && !first.includes(LINE_FEED);

const withoutMark = (first: Buffer): Buffer =>
  first.subarray(first.indexOf(BYTE_ORDER_MARK) === 0 ? BYTE_ORDER_MARK.length : 0);

const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;

function conversionOf(first: Buffer): (chunk: Buffer) => Buffer {
  if (first[0] === 0xff && first[1] === 0xfe) {
    const decoder = new TextDecoder('utf-16le');
    return (chunk) => Buffer.from(decoder.decode(chunk, { stream: true }));
  }
  if (first.includes(CARRIAGE_RETURN) && !first.includes(LINE_FEED))
    return (chunk) => Buffer.from(chunk.map((byte) => (byte === CARRIAGE_RETURN ? LINE_FEED : byte)));
  return (chunk) => chunk;
}
