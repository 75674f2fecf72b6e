import { UserMistake } from '../runtime/errors.ts';
import type { Table } from '../runtime/table.ts';
import { type Column, columnsOf } from '../sinks/postgres/columns.ts';

/** Columns of our own have names with a blank, which begin so. */
const OURS = 'millrace ';

/** The most fields of a row: Postgres allows 1,600 columns, and three are ours. */
const MOST_FIELDS = 1_597;

/**
 * Derives the columns of a table from the schema of its rows. Throws a `UserMistake` for a schema that cannot be a
 * table, or whose key is no value that can be compared.
 */
export function columnsOfTable({ row, key }: Pick<Table<never>, 'row' | 'key'>): readonly Column[] {
  const columns = columnsOf(row);
  if (columns.length > MOST_FIELDS)
    throw new UserMistake(
      `the row has ${columns.length} fields, and a table at most ${MOST_FIELDS}: move fields into an object, which is one column of jsonb`,
    );
  const ours = columns.find(({ name }) => name.startsWith(OURS));
  if (ours !== undefined)
    throw new UserMistake(`the row's field '${ours.name}' has a name that Millrace keeps for itself: rename it`);
  for (const field of key) {
    const column = columns.find(({ name }) => name === field);
    if (column === undefined)
      throw new UserMistake(`the key names '${field}', which is no field of the row: add it to the row's schema`);
    if (column.type === 'jsonb')
      throw new UserMistake(
        `the key's field '${field}' is a list, an object or of several types: use fields that are a text, a number or a boolean`,
      );
  }
  return columns;
}
