import { createHash } from 'node:crypto';
import { cutText } from '../../cut-text.ts';
import { EventRejected } from '../../errors.ts';
import { keyFault, type ReceivedEvent } from '../../event.ts';
import { CLOSE_BRACE, OPEN_BRACE } from '../../json/json-bytes.ts';
import { memberRanges, textOf } from '../../json/json-ranges.ts';
import { checkIdSize } from '../../table.ts';
import type { Output } from '../../transform.ts';
import { createRow, loadEvent, readRow } from '../row/row.ts';
import { joinedRow, type SideRow, splitSide, textIn } from './side-row.ts';

/** Reads the rows that a side's projection has made of an event. */
export const sidesIn = (projected: readonly Output[], keys: number): readonly SideRow[] =>
  projected.map(({ dataBytes }) => splitSide(dataBytes, keys));

/** A row of one side, on its way to the stream that holds both. */
interface Side {
  readonly side: string;
  readonly key: string | null;
  /** JSON: an object. */
  readonly row: Uint8Array;
}

/** Makes the event of the stream that holds both sides. Without a key, it stays where it was. */
export function sideEvent({ type, time, key: own }: ReceivedEvent, { side, key, row }: Side): Output {
  const head = `{"side":${JSON.stringify(side)},"key":${JSON.stringify(key)},"row":`;
  const length = Buffer.byteLength(head);
  const dataBytes = Buffer.allocUnsafe(length + row.length + 1);
  dataBytes.write(head);
  dataBytes.set(row, length);
  dataBytes[dataBytes.length - 1] = CLOSE_BRACE;
  return { type, time, key: key === null ? own : eventKeyOf(key), dataBytes };
}

/** Returns the key of the events with a key of the join. Events with the same key go to the same shard. */
export function eventKeyOf(key: string): string {
  return keyFault(key) === undefined ? key : createHash('sha256').update(key).digest('base64url');
}

/** Makes an object of its members. */
export const braced = (members: Uint8Array): Buffer => joinedRow(members, NOTHING);
const NOTHING = Buffer.alloc(0);

/**
 * Makes the event of a row of a table. Throws `EventRejected` when the event is not keyed by what it is joined by: rows
 * with one key would come in no order from several shards.
 */
export function tableEvent(event: ReceivedEvent, { key, values }: SideRow, { side, row }: Omit<Side, 'key'>): Output {
  if (key === null || !isKeyedBy(event.key, key, values))
    throw new EventRejected(
      'transform',
      `the key of the event is '${shown(event.key)}', and what it is joined by is ${quotedOrNull(key)}: an input whose latest event is the row is joined by its key, so key the stream by these columns`,
    );
  return sideEvent(event, { side, key, row });
}

/** Returns the key of a row as a text. Throws `EventRejected` when the event is not keyed by it. */
export function rowKeyOf(event: ReceivedEvent, { key, values }: Pick<SideRow, 'key' | 'values'>): string {
  if (key !== null && isKeyedBy(event.key, key, values)) return key;
  throw new EventRejected(
    'transform',
    `the key of the event is '${shown(event.key)}', and the key of its row is ${quotedOrNull(key)}: key the stream by the columns that the line -- key of the join names`,
  );
}

const quotedOrNull = (key: string | null): string => (key === null ? 'null' : `'${shown(key)}'`);

/**
 * Tests whether an event's key is that of the join: the same text, or the values as a JSON array, as the changes of a
 * table have it.
 */
function isKeyedBy(eventKey: string, key: string, values: readonly string[]): boolean {
  if (eventKey === key || keyFault(key)?.kind === 'too long') return true;
  if (!eventKey.startsWith('[')) return false;
  try {
    const parts = JSON.parse(eventKey) as readonly unknown[];
    return parts.length === values.length && parts.every((part, i) => String(part) === values[i]);
  } catch {
    return false;
  }
}

const LONGEST_SHOWN = 200;

/** Shortens a text for a message. */
const shown = (text: string): string => cutText(text, LONGEST_SHOWN);

/** The names of the inputs of a join. */
export interface SideNames {
  readonly left: string;
  readonly right: string;
}

/** An event of the stream that holds both sides. */
interface SideBytes {
  readonly side: keyof SideNames;
  /** The JSON of the key: null is no row's. */
  readonly id: string;
  /** A view of the event's bytes. */
  readonly row: Uint8Array;
}

/** Reads an event of the stream that holds both sides. */
export function readSideBytes({ dataBytes }: ReceivedEvent, { left, right }: SideNames): SideBytes {
  const { side, key, row } = membersIn(dataBytes);
  if (side === undefined || key === undefined || row?.[0] !== OPEN_BRACE)
    throw new EventRejected('schema', 'the event is none that a join has re-keyed');
  const id = textFrom(key);
  checkIdSize(id);
  const input = textIn(textFrom(side));
  if (input !== left && input !== right) throw new EventRejected('schema', `the join has no input '${shown(input)}'`);
  return { side: input === left ? 'left' : 'right', id, row };
}

/** Does the same, with the row as a text. */
export function readSide(event: ReceivedEvent, names: SideNames): Omit<SideBytes, 'row'> & { readonly row: string } {
  const { side, id, row } = readSideBytes(event, names);
  return { side, id, row: textFrom(row) };
}

const textFrom = (bytes: Uint8Array): string => textOf(bytes, { start: 0, end: bytes.length });

type Members = Readonly<Record<'side' | 'key' | 'row', Uint8Array | undefined>>;

/** Where the scanner finds the members of the event that is being read. */
const scanned = createRow(['side', 'key', 'row']);

/** Finds the members of an event with the scanner, or, if that does not read the event, byte by byte. */
function membersIn(dataBytes: Uint8Array): Members {
  if (dataBytes[0] !== OPEN_BRACE) return { side: undefined, key: undefined, row: undefined };
  loadEvent(scanned, dataBytes);
  readRow(scanned);
  const { starts, ends, from } = scanned;
  const isScanned = scanned.bytes === scanned.scanner?.bytes;
  const ranges = isScanned ? undefined : memberRanges(dataBytes);
  const at = (column: number): Uint8Array | undefined => {
    const start = starts[column] as number;
    if (ranges === undefined)
      return start < 0 ? undefined : dataBytes.subarray(start - from, (ends[column] as number) - from);
    const range = ranges.get(scanned.columns[column] as string);
    return range && dataBytes.subarray(range.start, range.end);
  };
  return { side: at(0), key: at(1), row: at(2) };
}

/** Tests whether an event deletes a row, as the changes of a table do. */
export const isDeletion = ({ type }: ReceivedEvent): boolean => type.endsWith('.deleted');
