import type { Rejection } from '../../runtime/rejection.ts';
import type { PulledEvent } from '../../runtime/source.ts';
import type { Frames } from './frames.ts';
import { emptyOut } from './json-text.ts';
import { formatLsn, type Lsn, placesIn } from './lsn.ts';
import { type FollowedTable, type Following, follow, type Relation } from './relations.ts';
import { hasSameKey, keyOf, writeRow } from './row-json.ts';
import { emptyTuple, readTuple, type Tuple } from './tuples.ts';

/** A transaction, as its Begin message names it. */
export interface Transaction {
  /** The LSN of its commit. */
  readonly lsn: Lsn;
  readonly xid: number;
  /** The time of its commit, in microseconds since 2000-01-01. */
  readonly micros: bigint;
  /** The content of the last message of ours in it. */
  token: string | undefined;
  /** How many changes of it have been read. */
  ordinal: number;
}

/** What the decoder tells whoever drives it. */
export interface Listener {
  /** A transaction begins. Return the number of its changes that were read before: they are passed over. */
  begun(transaction: Transaction): number;
  committed(transaction: Transaction): void;
  /** A message of ours stands between transactions. `lsn` is the end of its record. */
  said?(content: string, lsn: Lsn): void;
  /** A row was changed. `json` is set where the event lacks values. Hot path: leave it out when nobody needs it. */
  changed?(table: string, change: { readonly key: string; readonly xid: number; readonly json?: string }): void;
  truncated?(table: string): void;
}

export interface Decoder {
  /** Decodes the body of one message of pgoutput, from `start` to `end` of the frame's bytes. */
  read(frames: Frames, start: number): void;
  /** The events and rejections since they were taken last. */
  taken(): { readonly events: PulledEvent[]; readonly rejections: Rejection[] };
  /** The number of events and rejections that wait to be taken, and the bytes of their data. */
  readonly waiting: { events: number; bytes: number };
  /** Columns that the stream's schema does not have, as `table.column`. */
  readonly leftOut: ReadonlySet<string>;
}

/** The prefix of our messages in the log. */
export const MESSAGE_PREFIX = 'millrace';

const MESSAGE = {
  begin: 0x42,
  commit: 0x43,
  delete: 0x44,
  insert: 0x49,
  message: 0x4d,
  origin: 0x4f,
  relation: 0x52,
  truncate: 0x54,
  update: 0x55,
  type: 0x59,
} as const;

interface Made {
  readonly type: string;
  readonly key: string;
  readonly dataBytes: Uint8Array;
  readonly index: number;
}

const NO_OLD_ROW = { old: undefined };

const TUPLE = { new: 0x4e, key: 0x4b, old: 0x4f } as const;

/**
 * Opens a decoder of pgoutput, version 1 of its protocol, with values as text. It writes the bytes of events straight
 * from the messages.
 */
export function openDecoder(following: Following, listener: Listener): Decoder {
  const tables = new Map<number, FollowedTable | undefined>();
  const leftOut = new Set<string>();
  const waiting = { events: 0, bytes: 0 };
  const out = emptyOut();
  const fresh = emptyTuple();
  const before = emptyTuple();
  let events: PulledEvent[] = [];
  let rejections: Rejection[] = [];
  let transaction: Transaction | undefined;
  let time = '';
  let xid = '';
  let commitLsn = '';
  let passed = 0;
  let place: ReturnType<typeof placesIn> = () => '';

  /** Adds an event of the change that is read. `index` is its number among the events of the change. */
  const add = (table: FollowedTable, { type, key, dataBytes, index }: Made): void => {
    if (listener.changed !== undefined) {
      const json = out.isPartial ? { json: Buffer.from(dataBytes).toString() } : {};
      listener.changed(table.name, { key, xid: transaction?.xid ?? 0, ...json });
    }
    const at = place(transaction?.ordinal ?? 0, index);
    const event: PulledEvent = { type, time, key, xid, commitLsn, dataBytes, place: at };
    events.push(table.to === undefined ? event : { ...event, to: table.to });
    waiting.events++;
    waiting.bytes += dataBytes.length;
  };

  const addRow = (
    table: FollowedTable,
    type: string,
    { old, index = 0 }: { old?: Tuple | undefined; index?: number },
  ) => {
    const dataBytes = writeRow(out, table, { row: fresh, old, keyOnly: false });
    add(table, { type, key: keyOf(table, fresh), dataBytes, index });
  };

  const addDeletion = (table: FollowedTable): void => {
    const dataBytes = writeRow(out, table, { row: before, old: undefined, keyOnly: !table.isFull });
    add(table, { type: table.deleted, key: keyOf(table, before), dataBytes, index: 0 });
  };

  /** Counts a change. Returns its table when it is to be read. */
  const tableOf = (bytes: Buffer, start: number): FollowedTable | undefined => {
    if (transaction === undefined) throw new Error('a change came outside of a transaction');
    transaction.ordinal++;
    return transaction.ordinal <= passed ? undefined : tables.get(bytes.readUInt32BE(start + 1));
  };

  const refuse = (table: FollowedTable, { bytes, size, end }: Frames, start: number): void => {
    const at = place(transaction?.ordinal ?? 0, 0);
    const isWhole = readTuple(fresh, { bytes, end }, start);
    const hasKey = isWhole || table.key.every((index) => index < fresh.count);
    const key = hasKey ? keyOf(table, fresh) : 'unknown';
    const message = `a change of a row has ${size} bytes, more than any record takes: a mirror of ${table.updated.split('.')[0]} now differs from it in this row`;
    rejections.push({
      at,
      reason: 'too-large',
      message,
      bytes: Buffer.from(bytes.subarray(start, end)),
      event: { id: at, key, time },
    });
    waiting.events++;
    waiting.bytes += end - start;
  };

  const insert = (frames: Frames, start: number): void => {
    const table = tableOf(frames.bytes, start);
    if (table === undefined) return;
    if (readTuple(fresh, frames, start + 6)) addRow(table, table.inserted, NO_OLD_ROW);
    else refuse(table, frames, start + 6);
  };

  const update = (frames: Frames, start: number): void => {
    const table = tableOf(frames.bytes, start);
    if (table === undefined) return;
    const kind = frames.bytes[start + 5];
    const hasOld = kind !== TUPLE.new;
    const isWhole =
      (!hasOld || readTuple(before, frames, start + 6)) &&
      readTuple(fresh, frames, hasOld ? before.end + 1 : start + 6);
    if (!isWhole) {
      refuse(table, frames, start + 6);
      return;
    }
    const old = kind === TUPLE.old ? before : undefined;
    if (!hasOld) addRow(table, table.updated, NO_OLD_ROW);
    else if (hasSameKey(table, fresh, before)) addRow(table, table.updated, { old });
    else {
      addDeletion(table);
      addRow(table, table.inserted, { old, index: 1 });
    }
  };

  const remove = (frames: Frames, start: number): void => {
    const table = tableOf(frames.bytes, start);
    if (table === undefined) return;
    if (readTuple(before, frames, start + 6)) addDeletion(table);
    else refuse(table, frames, start + 6);
  };

  const truncate = ({ bytes }: Frames, start: number): void => {
    if (transaction === undefined || ++transaction.ordinal <= passed) return;
    const count = bytes.readUInt32BE(start + 1);
    for (let index = 0; index < count; index++) {
      const table = tables.get(bytes.readUInt32BE(start + 6 + 4 * index));
      if (table === undefined) continue;
      listener.truncated?.(table.name);
      const event: PulledEvent = {
        type: table.truncated,
        time,
        key: table.truncationKey,
        xid,
        commitLsn,
        dataBytes: table.truncation,
        place: place(transaction.ordinal, index),
        everywhere: true,
      };
      events.push(table.to === undefined ? event : { ...event, to: table.to });
      waiting.events++;
      waiting.bytes += table.truncation.length;
    }
  };

  const begin = (bytes: Buffer, start: number): void => {
    transaction = {
      lsn: bytes.readBigUInt64BE(start + 1),
      micros: bytes.readBigInt64BE(start + 9),
      xid: bytes.readUInt32BE(start + 17),
      token: undefined,
      ordinal: 0,
    };
    place = placesIn(transaction.lsn);
    time = timeOf(transaction.micros);
    xid = String(transaction.xid);
    commitLsn = formatLsn(transaction.lsn);
    passed = listener.begun(transaction);
  };

  const relation = (frames: Frames, start: number): void => {
    const described = relationIn(frames.bytes, start);
    const followed = follow(described, following);
    tables.set(frames.bytes.readUInt32BE(start + 1), followed);
    for (const column of followed?.leftOut ?? []) leftOut.add(column);
  };

  const readers: Readonly<Record<number, (frames: Frames, start: number) => void>> = {
    [MESSAGE.insert]: insert,
    [MESSAGE.update]: update,
    [MESSAGE.delete]: remove,
    [MESSAGE.begin]: ({ bytes }, start) => begin(bytes, start),
    [MESSAGE.commit]: () => {
      if (transaction === undefined) throw new Error('a transaction was committed that has not begun');
      const ended = transaction;
      transaction = undefined;
      listener.committed(ended);
    },
    [MESSAGE.relation]: relation,
    [MESSAGE.truncate]: truncate,
    [MESSAGE.message]: ({ bytes, end }, start) => {
      const message = messageIn(bytes, start, end);
      if (message === undefined) return;
      if (!message.isTransactional) listener.said?.(message.content, bytes.readBigUInt64BE(start + 2));
      else if (transaction !== undefined) transaction.token = message.content;
    },
    [MESSAGE.origin]: () => undefined,
    [MESSAGE.type]: () => undefined,
  };

  return {
    waiting,
    leftOut,
    read(frames, start) {
      const kind = frames.bytes[start] as number;
      const reader = readers[kind];
      if (reader === undefined) throw new Error(`pgoutput sent a message of the unknown kind ${kind}`);
      reader(frames, start);
    },
    taken() {
      const all = { events, rejections };
      events = [];
      rejections = [];
      waiting.events = 0;
      waiting.bytes = 0;
      return all;
    },
  };
}

/** 2000-01-01, in milliseconds since 1970. */
const POSTGRES_EPOCH_MILLIS = Date.UTC(2000, 0, 1);

function timeOf(micros: bigint): string {
  const millis = Number(micros / 1000n) + POSTGRES_EPOCH_MILLIS;
  const rest = Number(micros % 1000n);
  const text = new Date(millis).toISOString();
  return rest > 0 ? `${text.slice(0, -1)}${String(rest).padStart(3, '0')}Z` : text;
}

function relationIn(bytes: Buffer, start: number): Relation {
  let at = start + 5;
  const text = (): string => {
    const end = bytes.indexOf(0, at);
    const found = bytes.toString('utf8', at, end);
    at = end + 1;
    return found;
  };
  const schema = text();
  const table = text();
  const isFull = bytes[at++] === FULL;
  const count = bytes.readUInt16BE(at);
  at += 2;
  const columns = Array.from({ length: count }, () => {
    const isIdentity = ((bytes[at++] as number) & 1) === 1;
    const name = text();
    const type = bytes.readUInt32BE(at);
    at += 8;
    return { name, type, isIdentity };
  });
  // The catalogue's own schema is sent as an empty text.
  return { schema: schema === '' ? 'pg_catalog' : schema, table, isFull, columns };
}

const FULL = 'f'.charCodeAt(0);

/** Reads a message of ours. Undefined: of somebody else. */
function messageIn(
  bytes: Buffer,
  start: number,
  end: number,
): { readonly isTransactional: boolean; readonly content: string } | undefined {
  const prefixEnd = bytes.indexOf(0, start + 10);
  if (prefixEnd === -1 || bytes.toString('utf8', start + 10, prefixEnd) !== MESSAGE_PREFIX) return undefined;
  return { isTransactional: bytes[start + 1] === 1, content: bytes.toString('utf8', prefixEnd + 5, end) };
}
