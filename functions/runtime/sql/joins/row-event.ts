import { EventRejected } from '../../errors.ts';
import type { ReceivedEvent } from '../../event.ts';
import { OPEN_BRACE } from '../../json/json-bytes.ts';
import { memberRanges, textOf } from '../../json/json-ranges.ts';
import { membersOf } from './side-row.ts';

/** An event of the stream that holds the rows of the left input, and what they meet. */
export interface RowNote {
  /** The key of the row. */
  readonly id: string;
  /** Null: the row is deleted. */
  readonly version: string | null;
  /** The foreign keys of the row, and of the row before. Null: none. */
  readonly key: string | null;
  readonly before: string | null;
  /** The members of the row. Undefined in an event that says what a row meets, and in a deletion. */
  readonly row: string | undefined;
  /** The members of what the row meets; null: it meets nothing. Undefined in an event of a row. */
  readonly found: string | null | undefined;
}

/** Reads an event of that stream. Numbers of rows keep their digits. */
export function readRowNote({ dataBytes }: ReceivedEvent): RowNote {
  const members = dataBytes[0] === OPEN_BRACE ? memberRanges(dataBytes) : undefined;
  const textAt = (name: string): string | undefined => {
    const range = members?.get(name);
    return range === undefined ? undefined : textOf(dataBytes, range);
  };
  const scalarAt = (name: string): unknown => JSON.parse(textAt(name) ?? 'null');
  const [id, version, key, before] = ['id', 'version', 'key', 'before'].map(scalarAt);
  if (typeof id !== 'string' || ![version, key, before].every((one) => one === null || typeof one === 'string'))
    throw new EventRejected('schema', 'the event is none of a row, or of what a row of a join meets');
  const [row, found] = [textAt('row'), textAt('found')];
  return {
    id,
    version: version as string | null,
    key: key as string | null,
    before: before as string | null,
    row: row === undefined ? undefined : membersOf(row),
    found: found === undefined ? undefined : found === 'null' ? null : membersOf(found),
  };
}

/**
 * Returns the id of what a row of the left input meets, behind the id of its foreign key: a text in JSON has no
 * quotation mark but at its ends, so the ids of one foreign key lie side by side.
 */
export const matchId = (key: string, id: string): string => `${JSON.stringify(key)} ${JSON.stringify(id)}`;

/** Returns the bounds that the ids of a foreign key lie between. */
export const matchesOf = (key: string): { readonly above: string; readonly below: string } => ({
  above: `${JSON.stringify(key)} `,
  below: `${JSON.stringify(key)}!`,
});
