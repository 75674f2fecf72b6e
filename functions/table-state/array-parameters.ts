/**
 * Writes a parameter of the type `text[]` as the protocol's binary format has it. The driver's own text format escapes
 * each value, and the server reads the result character by character.
 */
export function arrayOf(values: readonly (string | undefined)[]): Buffer {
  let size = HEADER_BYTES;
  for (const value of values) size += LENGTH_BYTES + (value === undefined ? 0 : Buffer.byteLength(value));
  const bytes = Buffer.allocUnsafe(size);
  bytes.writeInt32BE(DIMENSIONS, 0);
  bytes.writeInt32BE(HAS_NULLS, 4);
  bytes.writeInt32BE(TEXT, 8);
  bytes.writeInt32BE(values.length, 12);
  bytes.writeInt32BE(FIRST_INDEX, 16);
  let at = HEADER_BYTES;
  for (const value of values) {
    const length = value === undefined ? NULL : bytes.write(value, at + LENGTH_BYTES);
    bytes.writeInt32BE(length, at);
    at += LENGTH_BYTES + Math.max(length, 0);
  }
  return bytes;
}

const DIMENSIONS = 1;
/** The server looks at each value, whatever this says. */
const HAS_NULLS = 1;
const FIRST_INDEX = 1;
/** The oid of the type `text`. */
const TEXT = 25;
const HEADER_BYTES = 20;
const LENGTH_BYTES = 4;
/** The length that says that a value is null. */
const NULL = -1;
