import { isUtf8 } from 'node:buffer';
import { skipSpace, skipValue } from './json-skip.ts';
import { readSlowly } from './row-slow.ts';

/**
 * The columns of one event as ranges of its bytes. Hot path: one row is filled again for every event, and nothing is decoded before an
 * expression asks for it.
 */
export interface Row {
  /** The whole buffer that the event is in. */
  bytes: Buffer;
  view: DataView;
  /** Where each column's value is; -1 when the event does not have it. */
  readonly starts: Int32Array;
  readonly ends: Int32Array;
  /** Where each column's key starts, or -1: for copying neighbours together with their keys. */
  readonly keys: Int32Array;
  /** 1 where the value has a backslash. */
  readonly escaped: Uint8Array;
  /** Where in the statement an expression is that is being evaluated: `line:column`. */
  at: string;
  readonly columns: readonly string[];
  /** The keys of the last event in their order: the next one mostly has the same. */
  readonly shape: Member[];
  readonly members: Map<string, Member>;
  readonly notes: { escape: boolean; high: boolean };
  /** Where a scan has got to: the next key, how many keys came before it, how many of the wanted columns were found, and the event's range. */
  next: number;
  keysSeen: number;
  found: number;
  from: number;
  to: number;
  /** Whether a column came again, or the event went the slow way: then what was known halfway does not count. */
  repeated: boolean;
  isRead: boolean;
}

interface Member {
  /** `"name":`. */
  readonly key: Buffer;
  readonly words: Int32Array;
  readonly last: number;
  /** -1 for what the statement does not read. */
  readonly column: number;
}

const EMPTY = Buffer.alloc(0);

export function createRow(columns: readonly string[]): Row {
  const members = new Map<string, Member>();
  for (const [column, name] of columns.entries()) {
    const key = Buffer.from(`${JSON.stringify(name)}:`, 'utf8');
    if (key.length >= 4) members.set(key.toString('latin1'), member(key, column));
  }
  return {
    bytes: EMPTY,
    view: new DataView(EMPTY.buffer),
    starts: new Int32Array(columns.length),
    ends: new Int32Array(columns.length),
    keys: new Int32Array(columns.length),
    escaped: new Uint8Array(columns.length),
    at: '',
    columns,
    shape: [],
    members,
    notes: { escape: false, high: false },
    next: 0,
    keysSeen: 0,
    found: 0,
    from: 0,
    to: 0,
    repeated: false,
    isRead: false,
  };
}

/** Finds the columns in an event's JSON, which is a part of some bytes. What is unusual goes through JSON.parse, with the same answer. */
export function readRange(row: Row, bytes: Uint8Array, range: readonly [number, number]): void {
  startRow(row, bytes, range);
  finishRow(row);
}

/** Begins to read an event. */
export function startRow(row: Row, bytes: Uint8Array, [from, to]: readonly [number, number]): void {
  if (row.bytes.buffer !== bytes.buffer) {
    row.bytes = Buffer.from(bytes.buffer);
    row.view = new DataView(bytes.buffer);
  }
  const { starts, notes } = row;
  for (let i = 0; i < starts.length; i += 1) starts[i] = -1;
  notes.high = false;
  row.from = bytes.byteOffset + from;
  row.to = bytes.byteOffset + to;
  row.next = -1;
  row.keysSeen = 0;
  row.found = 0;
  row.repeated = false;
  row.isRead = false;
}

/** Reads until the first so many columns are found; true when there is more to read. */
export function readSome(row: Row, columns: number): boolean {
  const state = scan(row, columns);
  row.isRead = state !== MORE;
  if (state === ODD) slow(row);
  return state === MORE;
}

/** Reads to the end. */
export function finishRow(row: Row): void {
  if (!row.isRead && scan(row, ALL) === ODD) slow(row);
}

function slow(row: Row): void {
  row.repeated = true;
  readSlowly(row, row.bytes.subarray(row.from, row.to));
}

const ALL = 1 << 30;
const ODD = 0;
const DONE = 1;
const MORE = 2;

// biome-ignore lint/complexity/noExcessiveCognitiveComplexity: one loop over bytes on the hot path; calls and objects would double its time
function scan(row: Row, columns: number): number {
  const { bytes, starts, notes, shape, to } = row;
  let p = row.next;
  if (p === -1) {
    p = skipSpace(bytes, row.from);
    if (bytes[p] !== 0x7b) return ODD;
    p = skipSpace(bytes, p + 1);
    if (bytes[p] === 0x7d) return isEnd(bytes, p + 1, to) ? DONE : ODD;
  }
  for (let i = row.keysSeen; ; i += 1) {
    if (row.found >= columns) {
      row.next = p;
      row.keysSeen = i;
      return MORE;
    }
    let member = shape[i];
    if (member === undefined || !hasKey(row, p, member)) {
      member = findMember(row, p);
      if (member === undefined) return ODD;
      shape[i] = member;
    }
    const start = skipSpace(bytes, p + member.key.length);
    notes.escape = false;
    const end = skipValue(row, start, notes);
    if (end < 0) return ODD;
    const { column } = member;
    if (column >= 0) {
      // The last one of a repeated key counts, as it does to JSON.parse.
      if (starts[column] !== -1) row.repeated = true;
      else if (column < columns) row.found += 1;
      starts[column] = start;
      row.ends[column] = end;
      row.keys[column] = p;
      row.escaped[column] = notes.escape ? 1 : 0;
    }
    p = skipSpace(bytes, end);
    if (bytes[p] === 0x2c) {
      p = skipSpace(bytes, p + 1);
      continue;
    }
    if (bytes[p] !== 0x7d || !isEnd(bytes, p + 1, to)) return ODD;
    return !notes.high || isUtf8(bytes.subarray(row.from, to)) ? DONE : ODD;
  }
}

const isEnd = (bytes: Uint8Array, at: number, to: number): boolean => at === to || skipSpace(bytes, at) === to;

/** Keys are compared four bytes at a time; the last four overlap. */
function hasKey({ bytes, view }: Row, at: number, { words, last, key }: Member): boolean {
  if (at + key.length > bytes.length) return false;
  if (view.getInt32(at + key.length - 4, true) !== last) return false;
  for (let i = 0; i < words.length; i += 1) if (view.getInt32(at + i * 4, true) !== words[i]) return false;
  return true;
}

function member(key: Buffer, column: number): Member {
  const words = Int32Array.from({ length: Math.floor(key.length / 4) }, (_, i) => key.readInt32LE(i * 4));
  return { key, words, last: key.readInt32LE(key.length - 4), column };
}

/** More names than these are not remembered: keys that are data would fill the memory. */
const MAX_MEMBERS = 1000;

/** A key that is not the one expected. Empty keys, keys with escapes, or with space before the colon, take the slow way. */
function findMember(row: Row, at: number): Member | undefined {
  const { bytes, members } = row;
  if (bytes[at] !== 0x22) return undefined;
  let end = at + 1;
  for (let byte = bytes[end]; byte !== 0x22; byte = bytes[end]) {
    if (byte === undefined || byte < 0x20 || byte === 0x5c) return undefined;
    if (byte >= 0x80) row.notes.high = true;
    end += 1;
  }
  if (bytes[end + 1] !== 0x3a || end - at < 2) return undefined;
  const text = bytes.toString('latin1', at, end + 2);
  const known = members.get(text);
  if (known !== undefined) return known;
  const unread = member(Buffer.from(text, 'latin1'), -1);
  if (members.size < MAX_MEMBERS) members.set(text, unread);
  return unread;
}
