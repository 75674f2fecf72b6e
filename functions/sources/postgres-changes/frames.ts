/**
 * Cuts the bytes of a connection into the messages of Postgres's protocol: a letter, a length, and a body. Nothing is
 * copied but messages that come in several pieces.
 */
export interface Frames {
  /** Adds bytes. Call this only after `next` has returned false. */
  feed(chunk: Buffer): void;
  /** Moves to the next message. Returns false when the rest of it has not come yet. */
  next(): boolean;
  /** The message's letter, as its code. */
  kind: number;
  /** The body is `bytes` from `start` to `end`. */
  bytes: Buffer;
  start: number;
  end: number;
  /** The length of the body. It is more than `end - start` of a message that is too large to be kept. */
  size: number;
}

/** A larger message is cut: a row has up to 1 GB, and no record of a stream could hold it. */
export const MOST_FRAME_BYTES = 16 * 1024 * 1024;

/** So much is kept of a message that is too large: in it the row's key is looked for. */
export const KEPT_FRAME_BYTES = 64 * 1024;

const HEAD_BYTES = 5;
const NOTHING = Buffer.alloc(0);

export function openFrames(): Frames {
  /** Bytes that are not cut yet, from `at` on. */
  let rest: Buffer = NOTHING;
  let at = 0;
  /** The pieces of a message that is not whole yet; `missing` bytes of it have not come. */
  let pieces: Buffer[] = [];
  let missing = 0;
  let kept = 0;
  let whole = 0;

  const frames: Frames = {
    kind: 0,
    bytes: NOTHING,
    start: 0,
    end: 0,
    size: 0,
    feed(chunk) {
      if (missing === 0) {
        rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
        return;
      }
      const taken = Math.min(missing, chunk.length);
      const wanted = whole > MOST_FRAME_BYTES ? Math.min(taken, KEPT_FRAME_BYTES - kept) : taken;
      if (wanted > 0) pieces.push(chunk.subarray(0, wanted));
      kept += Math.max(0, wanted);
      missing -= taken;
      rest = chunk.subarray(taken);
      at = 0;
    },
    next() {
      if (missing > 0) return false;
      if (pieces.length > 0) {
        show(Buffer.concat(pieces), 0, whole);
        frames.end = frames.bytes.length;
        pieces = [];
        return true;
      }
      const left = rest.length - at;
      const length = left < HEAD_BYTES ? 0 : rest.readInt32BE(at + 1) + 1;
      if (length > 0 && left >= length) {
        show(rest, at, length);
        at += length;
        return true;
      }
      if (length > 0) {
        whole = length;
        missing = length - left;
        pieces = [rest.subarray(at, at + Math.min(left, length > MOST_FRAME_BYTES ? KEPT_FRAME_BYTES : left))];
        kept = pieces[0]?.length ?? 0;
        rest = NOTHING;
      } else rest = left === 0 ? NOTHING : rest.subarray(at);
      at = 0;
      return false;
    },
  };

  function show(bytes: Buffer, from: number, length: number): void {
    frames.kind = bytes[from] as number;
    frames.bytes = bytes;
    frames.start = from + HEAD_BYTES;
    frames.end = from + length;
    frames.size = length - HEAD_BYTES;
  }

  return frames;
}
