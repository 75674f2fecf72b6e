import { createHash } from 'node:crypto';
import { keyFault, type ReceivedEvent } from '../runtime/event.ts';
import { MOST_PAGE_BYTES, type Publication } from '../runtime/sink.ts';
import type { PublishedEvent } from '../runtime/table.ts';
import { BEFORE } from '../sinks/postgres/changes.ts';
import { type Given, type RowChange, shownRow } from './fold.ts';

/**
 * What a slice publishes: what it changes in the rows that a table shows, where several changes of a row become one; or
 * what its events publish themselves (published.ts).
 */
export interface SliceChanges {
  /** Tells whether the page of the slice has room for a change of rows. */
  fits(change: RowChange, given: readonly Given[]): boolean;
  /**
   * Adds what some events have changed. Call this once the rows are written. `closed`: no event has changed the rows,
   * but the end of their windows.
   */
  add(change: RowChange, given: readonly Given[], closed?: Cause): void;
  /**
   * Adds events of rows that stay as they are, or whose time is over, if the page has room. Undefined: events publish
   * nothing themselves.
   */
  readonly publish?: (events: readonly PublishedEvent[]) => boolean;
  /** Tells whether nothing has changed so far. */
  isEmpty(): boolean;
  /** Returns the changes as events: rows whose values differ from those before the slice. */
  events(): readonly Publication[];
}

/** What has changed a row: an event, or the end of its window. */
export type Cause = Pick<ReceivedEvent, 'time' | 'traceparent'>;

export interface ChangesOf {
  /** The table's name: a change has the type `<table>.inserted`, `.updated` or `.deleted`. */
  readonly table: string;
  readonly key: readonly string[];
  /** True when a change has the row as it was, in the field `before`. */
  readonly before: boolean;
}

interface Changed {
  /** Rows as JSON. Undefined: the table shows no such row. */
  readonly old: string | undefined;
  readonly now: string | undefined;
  readonly time: string;
  readonly traceparent: string | undefined;
  readonly bytes: number;
}

/** A change of rows, and for each of them its row before the slice and the bytes of its event. */
interface Measured {
  readonly change: RowChange;
  readonly olds: readonly (string | undefined)[];
  readonly sizes: readonly number[];
  /** How many bytes the page grows by. */
  readonly more: number;
}

/** About the bytes of an event in the log beside its data and its key, which is there twice. */
const FRAME_BYTES = 280;
export const frameBytes = (key: string): number => FRAME_BYTES + 2 * key.length;

export function openChanges({ table, key, before }: ChangesOf, most = MOST_PAGE_BYTES): SliceChanges {
  const keyOf = eventKeys(key);
  const types = { inserted: `${table}.inserted`, updated: `${table}.updated`, deleted: `${table}.deleted` };
  const changed = new Map<string, Changed>();
  let bytes = 0;

  const bytesOf = (id: string, old: string | undefined, now: string | undefined): number => {
    if (old === now) return 0;
    const more = before && old !== undefined ? Buffer.byteLength(old) : 0;
    return frameBytes(id) + Buffer.byteLength(now ?? old ?? '') + more;
  };
  const oldOf = (id: string, { before: rows }: RowChange): string | undefined =>
    changed.has(id) ? changed.get(id)?.old : shownRow(rows.get(id));

  const measure = (change: RowChange): Measured => {
    const olds: (string | undefined)[] = [];
    const sizes: number[] = [];
    let more = 0;
    for (const [id, row] of change.after) {
      const old = oldOf(id, change);
      const size = bytesOf(id, old, shownRow(row));
      olds.push(old);
      sizes.push(size);
      more += size - (changed.get(id)?.bytes ?? 0);
    }
    return { change, olds, sizes, more };
  };
  /** What was asked for last, if it fits: it is added next. */
  let measured: Measured | undefined;

  return {
    fits(change) {
      measured = measure(change);
      const fits = bytes + measured.more <= most;
      if (!fits) measured = undefined;
      return fits;
    },
    add(change, given, closed) {
      const lastOf = lastEventOf(change, given);
      const { olds, sizes, more } = measured?.change === change ? measured : measure(change);
      measured = undefined;
      bytes += more;
      let index = 0;
      for (const [id, row] of change.after) {
        const [old, size] = [olds[index], sizes[index] as number];
        index++;
        if (size === 0) {
          changed.delete(id);
          continue;
        }
        const { time = '', traceparent } = closed ?? lastOf(id) ?? {};
        changed.set(id, { old, now: shownRow(row), time, traceparent, bytes: size });
      }
    },
    isEmpty: () => changed.size === 0,
    events: () =>
      Array.from(changed.values(), ({ old, now, time, traceparent }) => {
        const row = now ?? old ?? '{}';
        const type = old === undefined ? types.inserted : now === undefined ? types.deleted : types.updated;
        const data = before ? `${row.slice(0, row.lastIndexOf('}'))},"${BEFORE}":${old ?? 'null'}}` : row;
        return {
          type,
          key: keyOf(row),
          time,
          traceparent,
          dataBytes: Buffer.from(data),
        };
      }),
  };
}

/** Returns a function that finds the last event of a row. */
function lastEventOf(change: RowChange, given: readonly Given[]): (id: string) => Cause | undefined {
  let lastOf: Map<string, Cause> | undefined;
  const inGiven = (id: string): Cause | undefined => {
    if (lastOf === undefined) {
      lastOf = new Map();
      for (const { event, rows } of given) for (const { id: met } of rows) lastOf.set(met, event);
    }
    return lastOf.get(id);
  };
  return (id) => change.lastEventOf?.(id) ?? inGiven(sessionsOf(change, id) ?? id);
}

/** Returns what all sessions of a key have in common, if the row is a session: an event meets all of them. */
function sessionsOf({ before, after }: RowChange, id: string): string | undefined {
  return (after.get(id) ?? before.get(id))?.window?.group;
}

/** Returns the key of a row's changes. */
export function eventKeyOf(row: string, key: readonly string[]): string {
  return eventKeys(key)(row);
}

/**
 * Returns a function that makes the key of a row's changes: the value itself where the table's key is one text,
 * otherwise the values as JSON. It is as long as a key of an event may be: of a longer one, a hash takes the place of
 * its end.
 */
export function eventKeys(key: readonly string[]): (row: string) => string {
  const names = key.map((field) => `${JSON.stringify(field)}:`);
  return (row) => {
    const values = leadingTexts(row, names) ?? valuesIn(row, key);
    const [only] = values;
    const text = values.length === 1 && typeof only === 'string' && isKey(only) ? only : JSON.stringify(values);
    if (keyFault(text) === undefined) return text;
    const hash = createHash('sha256').update(text).digest('base64url');
    return `${[...text].slice(0, LONGEST_BEGINNING).join('')}…${hash}`;
  };
}

function valuesIn(row: string, key: readonly string[]): readonly unknown[] {
  const data = JSON.parse(row) as Readonly<Record<string, unknown>>;
  return key.map((field) => data[field] ?? null);
}

/**
 * Reads the key without the rest of the row, if its fields come first and are texts without escapes. `names` are the
 * fields as JSON writes them.
 */
function leadingTexts(row: string, names: readonly string[]): readonly string[] | undefined {
  const values: string[] = [];
  let at = 0;
  for (const name of names) {
    if (row[at] !== (at === 0 ? '{' : ',') || !row.startsWith(name, at + 1)) return undefined;
    const start = at + name.length + 2;
    if (row[start - 1] !== '"') return undefined;
    const end = row.indexOf('"', start);
    const value = row.slice(start, end);
    if (value.includes('\\')) return undefined;
    values.push(value);
    at = end + 1;
  }
  // A field that comes again would count.
  return names.some((name) => row.includes(name, at)) ? undefined : values;
}

/** With a hash of 43 characters, a key has less than 256. */
const LONGEST_BEGINNING = 200;

/** Tells whether a text can stand for itself: one that is too long can, because its beginning is kept. */
function isKey(text: string): boolean {
  const fault = keyFault(text);
  return fault === undefined || fault.kind === 'too long';
}
