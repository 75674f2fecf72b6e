import type { Checked } from '../plan/checked.ts';
import { type Join, mayMiss } from '../plan/join.ts';
import type { Plan } from '../plan/plan.ts';
import { offsetOfKeyword, SqlMistake } from '../syntax/source-position.ts';
import { noKey } from './table.ts';

/** Checks the plan of a table that joins two tables: its key is what they are joined by. */
export function joinedTable(plan: Plan, at: number): Plan {
  const { source, join, unnests } = plan;
  if (join === undefined) throw noKey(source, at);
  const [list] = unnests;
  if (list !== undefined)
    throw new SqlMistake('unsupported', {
      source,
      offset: list.list.offset,
      problem: 'a list cannot be unnested in a join of two tables: a key would have several rows',
      hint: 'unnest it in a step before or after the join',
    });
  const key = joinedKey(plan, join);
  // A row has a side at least, and no side has a null key.
  const outputs = plan.outputs.map(({ name, expression }) =>
    key.includes(name) ? { name, expression: { ...expression, nullable: false } } : { name, expression },
  );
  return { ...plan, outputs };
}

/** Returns the names of the outputs that are the key of the joined rows. Throws when one is missing. */
export function joinedKey({ source, outputs }: Plan, join: Join): readonly string[] {
  if (join.foreign !== undefined)
    return join.foreign.id.map((column) => shownColumn({ source, outputs }, column, join));
  return join.left.on.map((left, i) => {
    const right = join.right.on[i];
    const sides = [
      ...(mayMiss(join.kind, 'left') ? [] : [left]),
      ...(mayMiss(join.kind, 'right') || right === undefined ? [] : [right]),
    ];
    const found = outputs.find(
      ({ expression }) => sides.some((side) => isSameColumn(expression, side)) || isEither(expression, left, right),
    );
    if (found !== undefined) return found.name;
    const isFull = sides.length === 0;
    throw new SqlMistake('unsupported', {
      source,
      offset: (sides[0] ?? left).offset,
      problem: 'the SELECT list lacks this part of the key, so the rows of the table could not be told apart',
      hint: isFull
        ? 'select coalesce(…) of the columns that ON compares'
        : 'add it to the SELECT list (ON of two tables compares columns, and no expressions); or say in a line -- key <input>: <column> what its rows are keyed by, if ON compares a foreign key',
    });
  });
}

/** Returns the name of the output that is a column of the left table's key. */
function shownColumn({ source, outputs }: Pick<Plan, 'source' | 'outputs'>, column: Checked, { left }: Join): string {
  const found = outputs.find(({ expression }) => isSameColumn(expression, column));
  if (found !== undefined) return found.name;
  const name = column.kind === 'column' ? column.column.name : '';
  throw new SqlMistake('unsupported', {
    source,
    offset: offsetOfKeyword(source, /\bselect\b/i),
    problem: `the SELECT list lacks ${left.table}.${name}, which is the key of ${left.name}: the rows of the table could not be told apart`,
    hint: `add ${left.table}.${name} to the SELECT list`,
  });
}

/** Tests for the column that ON compares, which may be converted to the type of the other side's. */
function isSameColumn(expression: Checked, compared: Checked): boolean {
  const side = compared.kind === 'cast' ? compared.arg : compared;
  return (
    expression.kind === 'column' &&
    side.kind === 'column' &&
    expression.column.table === side.column.table &&
    expression.column.name === side.column.name
  );
}

/** Tests for coalesce of both columns, which is the key of a row that either side may lack. */
function isEither(expression: Checked, left: Checked, right: Checked | undefined): boolean {
  if (expression.kind !== 'coalesce' || right === undefined || expression.args.length !== 2) return false;
  return [left, right].every((side) => expression.args.some((arg) => isSameColumn(arg, side)));
}
