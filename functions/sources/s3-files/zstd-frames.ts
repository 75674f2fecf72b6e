/**
 * Divides zstd content so that no chunk holds parts of two frames. Node's decompressor stops at the end of a frame and
 * silently drops the rest of the chunk (nodejs/node#64741); it continues when the next frame begins a chunk of its own.
 * Nothing is checked here: bytes that are not a frame reach the decompressor as a chunk of their own, and it rejects
 * them.
 *
 * Frame format: RFC 8878, section 3.
 */
export async function* cutAtFrames(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let part: Part = MAGIC;
  let left = part.bytes;
  let read: Buffer = Buffer.alloc(0);

  for await (const chunk of chunks) {
    let start = 0;
    for (let at = 0; at < chunk.length; ) {
      const end = Math.min(chunk.length, at + left);
      if (!part.isSkipped) read = Buffer.concat([read, chunk.subarray(at, end)]);
      left -= end - at;
      at = end;
      while (left === 0) {
        part = part.next(read);
        left = part.bytes;
        read = Buffer.alloc(0);
        if (part === MAGIC) {
          yield chunk.subarray(start, at);
          start = at;
        }
      }
    }
    if (start < chunk.length) yield chunk.subarray(start);
  }
}

/** A part of a frame: its length, and the part after it, which may depend on its content. */
interface Part {
  readonly bytes: number;
  readonly isSkipped?: true;
  next(read: Buffer): Part;
}

const MAGIC: Part = {
  bytes: 4,
  next(read) {
    const magic = read.readUInt32LE();
    if (magic === 0xfd2fb528) return DESCRIPTOR;
    return (magic & 0xfffffff0) >>> 0 === 0x184d2a50 ? SKIPPABLE_SIZE : UNKNOWN;
  },
};

const UNKNOWN: Part = { bytes: Number.POSITIVE_INFINITY, isSkipped: true, next: () => UNKNOWN };

const SKIPPABLE_SIZE: Part = { bytes: 4, next: (read) => skip(read.readUInt32LE(), MAGIC) };

/**
 * The first byte of a frame header gives the length of the rest of the header, and whether a checksum ends the frame.
 */
const DESCRIPTOR: Part = {
  bytes: 1,
  next(read) {
    const descriptor = read.readUInt8();
    const isSingleSegment = (descriptor & 0x20) !== 0;
    const windowBytes = isSingleSegment ? 0 : 1;
    const dictionaryBytes = [0, 1, 2, 4][descriptor & 3] as number;
    const contentSizeBytes = [isSingleSegment ? 1 : 0, 2, 4, 8][descriptor >> 6] as number;
    const hasChecksum = (descriptor & 4) !== 0;
    return skip(windowBytes + dictionaryBytes + contentSizeBytes, blockHeader(hasChecksum));
  },
};

const RUN_LENGTH_BLOCK = 1;

function blockHeader(hasChecksum: boolean): Part {
  const header: Part = {
    bytes: 3,
    next(read) {
      const value = read.readUIntLE(0, 3);
      const isLast = (value & 1) !== 0;
      const type = (value >> 1) & 3;
      const afterwards = isLast ? skip(hasChecksum ? 4 : 0, MAGIC) : header;
      return skip(type === RUN_LENGTH_BLOCK ? 1 : value >> 3, afterwards);
    },
  };
  return header;
}

function skip(bytes: number, next: Part): Part {
  return { bytes, isSkipped: true, next: () => next };
}
