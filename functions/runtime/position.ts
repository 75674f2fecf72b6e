/**
 * Where a step stands in a shard: just after one event. A position is kept in its encoded form, a text of fixed width
 * whose order as a string is the order of the log, so that `<` compares two positions of one shard and a key-value
 * store can hold them.
 *
 * A sequence number is decimal with up to 56 digits (Kinesis' API reference, `SequenceNumber`), which is 187 bits: 32
 * characters of 6 bits. The place inside an aggregated record takes 4 characters, an output's index 3.
 */
declare const positionBrand: unique symbol;
export type Position = string & { readonly [positionBrand]: true };

/** Order-preserving: the characters ascend in ASCII, and all of them are safe in URLs, S3 keys and JSON. */
const DIGITS = '-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz';
const SEQUENCE_NUMBER_WIDTH = 32;
const SUB_SEQUENCE_WIDTH = 4;
const OUTPUT_INDEX_WIDTH = 3;

/** As many outputs of one event have a sequence each. */
export const MOST_OUTPUTS = 64 ** OUTPUT_INDEX_WIDTH;

/** The place that stands for "after every event of the record". */
export const LAST_SUB_SEQUENCE = 64 ** SUB_SEQUENCE_WIDTH - 1;

/** Just after event `subSequence` (from 0) of the record with this sequence number (decimal). */
export function positionOf(sequenceNumber: string, subSequence: number): Position {
  return positionsIn(sequenceNumber)(subSequence);
}

/** `positionOf` for many events of one record, whose sequence number is encoded once. */
export function positionsIn(sequenceNumber: string): (subSequence: number) => Position {
  const record = encodeOrdered(BigInt(sequenceNumber), SEQUENCE_NUMBER_WIDTH);
  return (subSequence) => (record + encodeOrdered(subSequence, SUB_SEQUENCE_WIDTH)) as Position;
}

/** Before every event of any shard. */
export const START_OF_SHARD: Position = '-'.repeat(SEQUENCE_NUMBER_WIDTH + SUB_SEQUENCE_WIDTH) as Position;

/** After every event of any shard, also of those to come. */
export const END_OF_SHARD: Position = 'z'.repeat(SEQUENCE_NUMBER_WIDTH + SUB_SEQUENCE_WIDTH) as Position;

/** Just after the whole record. */
export function endOfRecord(sequenceNumber: string): Position {
  return positionOf(sequenceNumber, LAST_SUB_SEQUENCE);
}

/** Whether a text is an encoded position. */
export function isPosition(text: string): text is Position {
  return text.length === SEQUENCE_NUMBER_WIDTH + SUB_SEQUENCE_WIDTH && /^[\w-]+$/.test(text);
}

/** The decimal sequence number of the record that the position is in or just after. */
export function sequenceNumberOf(position: Position): string {
  return decodeOrdered(position.slice(0, SEQUENCE_NUMBER_WIDTH)).toString();
}

export function subSequenceOf(position: Position): number {
  return Number(decodeOrdered(position.slice(SEQUENCE_NUMBER_WIDTH, SEQUENCE_NUMBER_WIDTH + SUB_SEQUENCE_WIDTH)));
}

/** Whether the position is just after the last event of its record, so that reading goes on with the next record. */
export function isEndOfRecord(position: Position): boolean {
  return subSequenceOf(position) === LAST_SUB_SEQUENCE;
}

/** The `sequence` of the output with this index (from 0) that the event at this position made. */
export function sequenceAt(position: Position, outputIndex: number): string {
  return position + encodeOrdered(outputIndex, OUTPUT_INDEX_WIDTH);
}

/**
 * A text of fixed width that sorts as the number does. Throws a RangeError when the number needs more digits of 6 bits.
 */
export function encodeOrdered(value: bigint | number, width: number): string {
  const text = typeof value === 'number' ? encodeNumber(value, width) : encodeBigInt(value, width);
  if (text === undefined) throw new RangeError(`${value} does not fit into ${width} digits of 6 bits`);
  return text;
}

export function decodeOrdered(text: string): bigint {
  let value = 0n;
  for (let start = 0; start < text.length; start += DIGITS_AT_ONCE) {
    const part = text.slice(start, start + DIGITS_AT_ONCE);
    value = (value << BigInt(6 * part.length)) | BigInt(decodeNumber(part));
  }
  return value;
}

/** Arithmetic of big integers is slow, so they are cut into numbers of 48 bits. */
const DIGITS_AT_ONCE = 8;

function encodeBigInt(value: bigint, width: number): string | undefined {
  if (width <= DIGITS_AT_ONCE) return value >= 0n && value < 1n << 48n ? encodeNumber(Number(value), width) : undefined;
  const high = encodeBigInt(value >> 48n, width - DIGITS_AT_ONCE);
  return high && high + encodeNumber(Number(BigInt.asUintN(48, value)), DIGITS_AT_ONCE);
}

function encodeNumber(value: number, width: number): string | undefined {
  if (!Number.isSafeInteger(value) || value < 0) return undefined;
  let rest = value;
  let text = '';
  let place = width;
  for (; place >= 2; place -= 2) {
    text = PAIRS[rest % PAIRS.length] + text;
    rest = Math.floor(rest / PAIRS.length);
  }
  if (place === 1) {
    text = DIGITS.charAt(rest % 64) + text;
    rest = Math.floor(rest / 64);
  }
  return rest === 0 ? text : undefined;
}

/** Two digits at once: a batch has a position and a sequence for each of thousands of events. */
const PAIRS = Array.from({ length: 64 * 64 }, (_, value) => DIGITS.charAt(value >> 6) + DIGITS.charAt(value & 63));

function decodeNumber(text: string): number {
  let value = 0;
  for (const character of text) {
    const digit = DIGITS.indexOf(character);
    if (digit < 0) throw new RangeError(`'${character}' is not a digit of an ordered text: '${text}'`);
    value = value * 64 + digit;
  }
  return value;
}
