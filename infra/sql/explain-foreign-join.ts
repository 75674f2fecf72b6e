import type { Checked } from './plan/checked.ts';
import type { ForeignJoin } from './plan/foreign-join.ts';

/** Says how the rows of the left table find those of the right one, and the results find their rows. */
export function foreignLines(
  { kind, left, right, foreign }: ForeignJoin,
  describe: (expression: Checked) => string,
): readonly string[] {
  const named = ({ name, table }: ForeignJoin['left']): string => `${name}${name === table ? '' : ` as ${table}`}`;
  const listed = (expressions: readonly Checked[]): string =>
    expressions
      .map((one) => (one.kind === 'column' ? `${one.column.table}.${one.column.name}` : describe(one)))
      .join(', ');
  const id = listed(foreign.id);
  return [
    `scan ${named(left)}, keyed by ${id}, re-key by the foreign key ${listed(left.on)}`,
    `scan ${named(right)}, re-key by ${listed(right.on)}`,
    `${kind} join of each row of ${left.name} with the row that its foreign key names`,
    `re-key what is found by ${id}, drop what is not for the row as it is by then`,
  ];
}

/** Says what the join costs beside the work on each event. `price` is that of a stream. */
export function foreignCosts({ left, right }: ForeignJoin, price: string): readonly string[] {
  return [
    `re-keying: two internal streams and four functions beside the join. A change of ${left.name} is appended three times: as a row, as a question by its foreign key, and as the answer. A change of ${right.name} is appended once, and once more for each row of ${left.name} that names it; ${price}`,
    `state: three rows in Postgres for each row of ${left.name} (its foreign key and a hash; the hash by the foreign key; what is read of both, with the joined row), and one for each row of ${right.name}`,
    `a change of ${right.name} that many rows name takes several transactions, of 32 MiB of answers each`,
    'three connections to the database for each shard of the internal streams',
  ];
}

export const OF_FOREIGN_KEYS: readonly string[] = [
  'at rest, the table has a row for each row of the left input that meets one, or for each in a LEFT JOIN, made of the latest rows of both',
  'a row changes once it is known what it meets, and shows what it was until then; a deleted row is gone at once',
  'a result has one writer, the owner of its row: an answer for a row that has changed, moved or gone since is dropped',
  'an event is rejected if a column that the statement reads is invalid, or an expression fails on the joined row; that stays as it was',
];
