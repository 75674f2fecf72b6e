import type { Column } from '../../functions/sinks/postgres/columns.ts';

/** Each index is written with every row: more of them are a mistake, or belong into a copy of the table. */
const MOST_INDEXES = 16;

/** Postgres allows so many columns in an index. */
const MOST_COLUMNS = 32;

/** Finds what is wrong with the indexes that a pipeline names for a table with these columns. */
export function indexMistakes(
  indexes: readonly (readonly string[])[],
  columns: readonly Pick<Column, 'name' | 'type'>[],
): readonly string[] {
  const texts = indexes.map((index) => JSON.stringify(index));
  const twice = texts.find((text, at) => texts.indexOf(text) !== at);
  return [
    ...(indexes.length > MOST_INDEXES
      ? [
          `it names ${indexes.length} indexes: name ${MOST_INDEXES} at most, because each row is written into all of them`,
        ]
      : []),
    ...(twice === undefined ? [] : [`it names the index ${twice} twice: name it once`]),
    ...indexes.flatMap((index) => mistakesOf(index, columns)),
  ];
}

function mistakesOf(index: readonly string[], columns: readonly Pick<Column, 'name' | 'type'>[]): readonly string[] {
  if (index.length === 0 || index.length > MOST_COLUMNS)
    return [`an index has ${index.length} columns: name 1 to ${MOST_COLUMNS}`];
  return [...new Set(index)].flatMap((name) => {
    const column = columns.find((one) => one.name === name);
    if (column === undefined) {
      const known = columns.map((one) => `'${one.name}'`).join(', ');
      return [`an index names '${name}', which is no column of the table: use some of ${known}`];
    }
    return column.type === 'jsonb'
      ? [`an index names '${name}', a list, an object or of several types: make a field of what you search for`]
      : [];
  });
}
