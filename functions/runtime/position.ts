/**
 * A position in a shard: just after one event. It is encoded as a text of fixed width whose order as a text is the
 * order of the log. So `<` compares two positions of one shard, and a key-value store can hold positions.
 *
 * A sequence number is decimal with up to 56 digits (Kinesis API reference, `SequenceNumber`). That is 187 bits: 32
 * characters of 6 bits. The place inside an aggregated record takes 4 characters, the index of an output 3.
 */
declare const positionBrand: unique symbol;
export type Position = string & { readonly [positionBrand]: true };

/** Digits in ascending ASCII order, so texts sort as numbers do. All of them are safe in URLs, S3 keys and JSON. */
const DIGITS = '-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz';
const SEQUENCE_NUMBER_WIDTH = 32;
const SUB_SEQUENCE_WIDTH = 4;
const OUTPUT_INDEX_WIDTH = 3;

/** The characters of the `sequence` of an output. */
export const SEQUENCE_WIDTH = SEQUENCE_NUMBER_WIDTH + SUB_SEQUENCE_WIDTH + OUTPUT_INDEX_WIDTH;

/** The most outputs of one event, each with a sequence of its own. */
export const MOST_OUTPUTS = 64 ** OUTPUT_INDEX_WIDTH;

/** The place that stands for "after every event of the record". */
export const LAST_SUB_SEQUENCE = 64 ** SUB_SEQUENCE_WIDTH - 1;

/**
 * Returns the position just after an event of the record with this decimal sequence number. `subSequence` counts the
 * record's events from 0.
 */
export function positionOf(sequenceNumber: string, subSequence: number): Position {
  return positionsIn(sequenceNumber)(subSequence);
}

/** Returns `positionOf` for the events of one record. It encodes the record's sequence number once. */
export function positionsIn(sequenceNumber: string): (subSequence: number) => Position {
  const record = encodeOrdered(BigInt(sequenceNumber), SEQUENCE_NUMBER_WIDTH);
  return (subSequence) => (record + encodeOrdered(subSequence, SUB_SEQUENCE_WIDTH)) as Position;
}

/** The position before every event of any shard. */
export const START_OF_SHARD: Position = '-'.repeat(SEQUENCE_NUMBER_WIDTH + SUB_SEQUENCE_WIDTH) as Position;

/** The position after every event of any shard, those to come included. */
export const END_OF_SHARD: Position = 'z'.repeat(SEQUENCE_NUMBER_WIDTH + SUB_SEQUENCE_WIDTH) as Position;

/** Returns the position just after the whole record. */
export function endOfRecord(sequenceNumber: string): Position {
  return positionOf(sequenceNumber, LAST_SUB_SEQUENCE);
}

/** Returns true when a text is an encoded position. */
export function isPosition(text: string): text is Position {
  return text.length === SEQUENCE_NUMBER_WIDTH + SUB_SEQUENCE_WIDTH && /^[\w-]+$/.test(text);
}

/** Returns the decimal sequence number of the record that the position is in or just after. */
export function sequenceNumberOf(position: Position): string {
  return decodeOrdered(position.slice(0, SEQUENCE_NUMBER_WIDTH)).toString();
}

export function subSequenceOf(position: Position): number {
  return Number(decodeOrdered(position.slice(SEQUENCE_NUMBER_WIDTH, SEQUENCE_NUMBER_WIDTH + SUB_SEQUENCE_WIDTH)));
}

/**
 * Returns true when the position is just after the last event of its record. Reading then goes on with the next record.
 */
export function isEndOfRecord(position: Position): boolean {
  return subSequenceOf(position) === LAST_SUB_SEQUENCE;
}

/** Returns the `sequence` of one output of the event just before a position. Indexes count from 0. */
export function sequenceAt(position: Position, outputIndex: number): string {
  return position + encodeOrdered(outputIndex, OUTPUT_INDEX_WIDTH);
}

/** Takes the `sequence` of an output apart: the position just after its input, and its index. Undefined: it is none. */
export function outputOf(sequence: string): { readonly position: Position; readonly outputIndex: number } | undefined {
  const position = sequence.slice(0, -OUTPUT_INDEX_WIDTH);
  if (!isPosition(position) || !/^[\w-]+$/.test(sequence)) return undefined;
  return { position, outputIndex: Number(decodeOrdered(sequence.slice(-OUTPUT_INDEX_WIDTH))) };
}

/**
 * Encodes a number as a text of fixed width. The texts sort as the numbers do. Throws a RangeError when the number does
 * not fit.
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

/** Arithmetic with big integers is slow, so they are cut into numbers of 48 bits. */
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

/** Two digits at once, for speed: a batch has thousands of events, each with a position and a sequence. */
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
