import { UserMistake } from '../../../functions/runtime/errors.ts';
import { canonical } from './canonical.ts';
import type { Form } from './forms.ts';
import type { SinkView } from './stored-rows.ts';

/**
 * How the rows of two sinks are matched.
 * - `columns`: by the key of a table, that is by fields of the data
 * - `key`: by the keys of the events
 * - `id`: by the ids of the events
 * - `content`: by all that is compared; a row that was changed is one too few and one too many
 */
export type Matching =
  | { readonly by: 'columns'; readonly columns: readonly string[] }
  | { readonly by: 'key' | 'id' | 'content' };

/** Chooses how the rows of two sinks are matched. Throws a `UserMistake` when nothing tells which belong together. */
export function matchingOf(a: SinkView, b: SinkView): Matching {
  const [keyed, other] = a.key !== undefined ? [a, b] : [b, a];
  if (keyed.key !== undefined) {
    if (other.key !== undefined && !isSameKey(keyed.key, other.key))
      throw new UserMistake(
        `the keys of the two tables differ (${keyed.step.name}: ${keyed.key.join(', ')}; ${other.step.name}: ${other.key.join(', ')}), so their rows stand for different things: compare sinks with one key`,
      );
    if (keyed.removes && other.keeps === 'events') needs(other, keyed, 'type');
    return { by: 'columns', columns: keyed.key };
  }
  if (a.keeps === 'latest' || b.keeps === 'latest') {
    const [latest, events] = a.keeps === 'latest' ? [a, b] : [b, a];
    if (events.keeps === 'events') {
      needs(events, latest, 'key');
      needs(events, latest, 'type');
    }
    return { by: 'key' };
  }
  return { by: a.stores.has('id') && b.stores.has('id') ? 'id' : 'content' };
}

function isSameKey(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((name) => other.includes(name));
}

const WHY = {
  key: 'the key of its events, so nothing tells which row is the last one of a key',
  type: 'the type of its events, so nothing tells which of them delete a row',
};

function needs(events: SinkView, latest: SinkView, what: 'key' | 'type'): void {
  if (events.stores.has(what)) return;
  throw new UserMistake(
    `'${events.step.name}' does not keep ${WHY[what]} of '${latest.step.name}': compare with a sink that keeps whole events, such as an S3 sink with lines: 'event'`,
  );
}

/** A field that is compared, and how. */
export interface ComparedField {
  readonly name: string;
  readonly form: Form;
}

/** What a row is matched by, and what is compared, as texts. */
export interface MatchedRow {
  /** Undefined: the row cannot be matched, because it lacks what rows are matched by. */
  readonly id: string | undefined;
  /** JSON: a list of a text or null for each compared field. */
  readonly row: string;
}

/** Makes of a row, or of an event of the log, what it is matched by and what is compared. */
export type MatchRow = (row: {
  readonly data: unknown;
  readonly event?: { readonly id?: string; readonly key?: string };
}) => MatchedRow;

/** Opens the matching for rows with these fields. Without fields, the data is compared as one value. */
export function openMatching(matching: Matching, fields: readonly ComparedField[]): MatchRow {
  const keyAt = matching.by === 'columns' ? matching.columns.map((name) => fieldAt(fields, name)) : [];
  return ({ data, event }) => {
    const values = isObject(data) ? data : {};
    const texts =
      fields.length === 0
        ? [canonical(data, { kind: 'json' })]
        : fields.map(({ name, form }) => canonical(Object.hasOwn(values, name) ? values[name] : null, form));
    const row = JSON.stringify(texts);
    if (matching.by === 'content') return { id: row, row };
    if (matching.by !== 'columns') return { id: event?.[matching.by], row };
    const key = keyAt.map((index) => texts[index]);
    // An event without a key is of no row: such as one that says that a whole table was emptied.
    return { id: key.some((text) => text !== null) ? JSON.stringify(key) : undefined, row };
  };
}

function isObject(data: unknown): data is Readonly<Record<string, unknown>> {
  return typeof data === 'object' && data !== null && !Array.isArray(data);
}

function fieldAt(fields: readonly ComparedField[], name: string): number {
  const index = fields.findIndex((field) => field.name === name);
  if (index !== -1) return index;
  throw new UserMistake(`the key '${name}' is a field of one sink alone: both need it to be compared`);
}
