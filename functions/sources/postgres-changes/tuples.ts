/** A row in a message: where the value of each column stands. */
export interface Tuple {
  /** The message that has the row. */
  bytes: Buffer;
  count: number;
  starts: Int32Array;
  /** The length of each value; `NULL`, or `UNCHANGED_VALUE`. */
  lengths: Int32Array;
  /** Where the row begins and ends. */
  start: number;
  end: number;
}

export const NULL_VALUE = -1;
/** The value is stored outside of the row, did not change, and is not in the message. */
export const UNCHANGED_VALUE = -2;

/** Postgres allows 1,600 columns. */
const MOST_COLUMNS = 1_664;

export function emptyTuple(): Tuple {
  const size = MOST_COLUMNS;
  return {
    bytes: Buffer.alloc(0),
    count: 0,
    starts: new Int32Array(size),
    lengths: new Int32Array(size),
    start: 0,
    end: 0,
  };
}

const KIND = { null: 0x6e, unchanged: 0x75, text: 0x74 } as const;

/**
 * Finds the values of a row (TupleData of the protocol). Returns false when the message ends before the row does: it
 * was too large to be kept whole.
 */
export function readTuple(
  tuple: Tuple,
  { bytes, end }: { readonly bytes: Buffer; readonly end: number },
  start: number,
): boolean {
  const { starts, lengths } = tuple;
  const count = ((bytes[start] as number) << 8) | (bytes[start + 1] as number);
  tuple.bytes = bytes;
  tuple.start = start;
  tuple.count = count;
  let at = start + 2;
  for (let column = 0; column < count; column++) {
    if (at >= end) {
      tuple.count = column;
      return false;
    }
    const kind = bytes[at++] as number;
    if (kind === KIND.text) {
      const length =
        ((bytes[at] as number) << 24) |
        ((bytes[at + 1] as number) << 16) |
        ((bytes[at + 2] as number) << 8) |
        (bytes[at + 3] as number);
      starts[column] = at + 4;
      lengths[column] = length;
      at += 4 + length;
      if (at > end) {
        tuple.count = column;
        return false;
      }
    } else if (kind === KIND.null) lengths[column] = NULL_VALUE;
    else if (kind === KIND.unchanged) lengths[column] = UNCHANGED_VALUE;
    else throw new Error(`a column of a row has the unknown format ${kind}`);
  }
  tuple.end = at;
  return true;
}
