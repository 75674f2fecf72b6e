import { UserMistake } from '../../../functions/runtime/errors.ts';

/** The columns and values by which a row is looked for. */
export type RowKey = Readonly<Record<string, string>>;

/** What has rows: a sink, or a table. */
export interface HasRows {
  readonly name: string;
  /** Undefined: its rows have no key. */
  readonly key: readonly string[] | undefined;
}

/**
 * Makes the key of a row of the words that an operator typed: the values of the key's columns, in their order, or
 * `column=value` for any columns. Throws a `UserMistake` when they do not fit.
 */
export function rowKeyOf({ name, key }: HasRows, words: readonly string[]): RowKey {
  const pairs = words.map((word) => /^([^=]+)=(.*)$/s.exec(word));
  if (words.length > 0 && pairs.every((pair) => pair !== null))
    return Object.fromEntries(pairs.map((pair) => [pair[1] ?? '', pair[2] ?? '']));
  if (key === undefined)
    throw new UserMistake(`'${name}' appends rows and has no key: name columns, such as ${EXAMPLE}`);
  if (words.length !== key.length)
    throw new UserMistake(
      `the key of '${name}' has the columns ${key.join(', ')}: give ${key.length} ${key.length === 1 ? 'value' : 'values'}, or columns such as ${EXAMPLE}`,
    );
  return Object.fromEntries(key.map((column, index) => [column, words[index] ?? '']));
}

const EXAMPLE = 'order_id=17';

/** Returns a function that tells whether the data of a row has the values of a key. */
export function keyMatcher(key: RowKey): (data: unknown) => boolean {
  const wanted = Object.entries(key);
  return (data) => {
    const row = Object(data) as Readonly<Record<string, unknown>>;
    return wanted.every(([column, value]) => isSame(row[column], value));
  };
}

/**
 * Compares a field with typed text: `1.50` is the number 1.5, and `2026-01-31 12:00Z` the time
 * 2026-01-31T12:00:00.000Z.
 */
function isSame(field: unknown, typed: string): boolean {
  if (typeof field === 'number') return typed.trim() !== '' && field === Number(typed);
  if (field === undefined || field === null) return false;
  const text = typeof field === 'object' ? JSON.stringify(field) : String(field);
  if (text === typed) return true;
  return DATE_TIME.test(text) && DATE_TIME.test(typed) && Date.parse(utc(text)) === Date.parse(utc(typed));
}

const DATE_TIME = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d/;

/** Reads a time as Postgres writes it too: with a blank, and with an offset of hours alone. */
function utc(text: string): string {
  const time = text.replace(' ', 'T').replace(/([+-]\d\d)$/, '$1:00');
  return /(?:Z|[+-]\d\d:\d\d)$/i.test(time) ? time : `${time}Z`;
}
