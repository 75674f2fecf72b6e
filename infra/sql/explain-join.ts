import type { ModuleCode } from './emit/module-code.ts';
import { dataColumnsOf, statementCode } from './emit/statement.ts';
import { foreignCosts, foreignLines, OF_FOREIGN_KEYS } from './explain-foreign-join.ts';
import { durationText } from './explain-window.ts';
import type { Checked } from './plan/checked.ts';
import { isForeign, leftRowPlan } from './plan/foreign-join.ts';
import type { Join, SideName, Within } from './plan/join.ts';
import type { Plan } from './plan/plan.ts';
import { formOf, rowPlan, sidePlan } from './plan/split-join.ts';
import { typeName } from './plan/sql-type.ts';

/** Whether a join is of files, which `millrace sql` joins in memory, or of a stream with a table. */
export interface Explained {
  readonly ofFiles: boolean;
}

const SIDES: readonly SideName[] = ['left', 'right'];

/** Returns the condition of WHERE that is tested after the join. */
export const filterAfterJoin = (plan: Plan, join: Join): Checked | undefined => rowPlan(plan, join, 'projected').where;

/** Says how both sides are brought together. */
export function joinLines(plan: Plan, join: Join, describe: (expression: Checked) => string): readonly string[] {
  if (isForeign(join)) return foreignLines(join, describe);
  const sides = SIDES.map((side) => {
    const { name, table, keys } = join[side];
    const { where } = sidePlan(plan, join, side);
    const filter = where === undefined ? '' : `, filter ${describe(where)}`;
    return `scan ${name}${name === table ? '' : ` as ${table}`}${filter}, re-key by ${keys.map(describe).join(', ')}`;
  });
  const { kind, within, asOf, left, right } = join;
  if (asOf !== undefined)
    return [
      ...sides,
      `${kind} join of ${left.table} with the row of ${right.table} as it was at the time of ${left.table}`,
    ];
  if (within === undefined) return [...sides, `${kind} join of rows with the same key`];
  return [
    ...sides,
    `${kind} join of rows with the same key, ${reachText(within, { left: left.table, right: right.table })}`,
  ];
}

/** Says how far apart the times of two rows may be. */
function reachText({ before, after }: Within, { left, right }: Readonly<Record<SideName, string>>): string {
  if (before === after) return `whose times are at most ${durationText(before)} apart`;
  return `where ${right} is at most ${durationText(before)} before ${left}, and at most ${durationText(after)} after it`;
}

/** Lists the columns that are read of each side. */
export function joinReads(plan: Plan, join: Join): readonly string[] {
  return SIDES.flatMap((side) => {
    const read = dataColumnsOf(sidePlan(plan, join, side));
    const { table, columns } = join[side];
    return [
      ...read.map(({ name, type, nullable }) => `${table}.${name}: ${typeName(type)}${nullable ? '' : ', never null'}`),
      `${read.length} of ${columns.filter(({ origin }) => origin === 'data').length} columns of ${table}`,
    ];
  });
}

export const STREAM_PRICE = 'the stream costs $11 a month for each shard, and $0.014 for a million records of 25 KB';

/** Says what the join costs beside the work on each event. */
export function joinCosts(plan: Plan, join: Join, { ofFiles }: Explained): readonly string[] {
  const { left, right, within, asOf } = join;
  if (ofFiles) return [`the rows of ${right.name} are kept in memory, as far as they are read`];
  if (isForeign(join)) return foreignCosts(join, STREAM_PRICE);
  if (join.ofTables)
    return [
      `re-keying: one internal stream, and a function for each input. Each event of ${left.name} and ${right.name} is appended once more, with the columns that are read, and read once more; ${STREAM_PRICE}`,
      'state: one row for each key in Postgres, which holds what is read of both sides, and the joined row',
      'one connection to the database for each shard of the internal stream',
    ];
  if (within !== undefined) return withinCosts(join, within);
  const carried = sidePlan(plan, join, 'left').outputs.slice(left.keys.length);
  const columns = carried.map(({ name }) => name).join(', ');
  return [
    `re-keying: one internal stream, and a function for each input. Each event of ${left.name}${columns === '' ? '' : ` (${columns})`} and of ${right.name} (whole) is appended once more and read once more; ${STREAM_PRICE}`,
    `state: one row of ${right.name} for each key in Postgres, as JSON${asOf === undefined ? '' : `, and its versions of the last ${durationText(asOf.retention)}`}; an event of ${right.name} writes a row, and events of ${left.name} read one for each key in a batch`,
    `output: each joined event is written to Postgres and to its stream; one connection to the database for each shard of the internal stream`,
  ];
}

/** Says what is kept of two streams, and how long. */
function withinCosts({ kind, left, right }: Join, { before, after, grace }: Within): readonly string[] {
  const [keptLeft, keptRight] = [durationText(after + grace), durationText(before + grace)];
  const longest = durationText(Math.max(before, after) + grace);
  return [
    `re-keying: one internal stream, and a function for each input. Each event of ${left.name} and ${right.name} is appended once more, with the columns that are read, and read once more; ${STREAM_PRICE}`,
    `state: one row in Postgres for each event of ${left.name} for ${keptLeft}, and of ${right.name} for ${keptRight}, which is WITHIN and the grace period of ${durationText(grace)}; an event writes a row, reads those that it meets, and is deleted later`,
    ...(kind === 'inner'
      ? []
      : [`a row without a partner comes out ${longest} after its event at the latest, and a minute`]),
    'time: each reader on the way to the join has one record more a minute and shard',
    'one connection to the database for each shard of the internal stream',
  ];
}

/** Says what is promised of the rows that meet. */
export function joinGuarantees(
  { ofTables, within, asOf, kind, foreign }: Join,
  { ofFiles }: Explained,
): readonly string[] {
  if (ofFiles) return OF_FILES;
  if (foreign !== undefined) return OF_FOREIGN_KEYS;
  if (ofTables) return OF_TABLES;
  if (asOf !== undefined) return [AS_OF, ...OF_STREAMS.slice(1)];
  return within === undefined ? OF_STREAMS : kind === 'inner' ? WITHIN : [...WITHIN, ALONE];
}

const AS_OF =
  'each event of the stream is joined once, with the row of the table as it was at the time of the event, as far as it is known when the event comes';

const WITHIN: readonly string[] = [
  'each pair of events comes out once, as soon as the second one is there, in whatever order they come',
  'an event that comes later than the grace period is a dead letter, late; nothing is dropped unseen, and a side that lags loses no match',
  'both sides of a key are in one shard of the internal stream and have one reader, so no match is lost between two transactions',
  'an event is rejected if a column that the statement reads is invalid, or an expression fails on a row that is joined of it',
];

const ALONE =
  'an event without a partner comes out once, when none can come any more; no row with nulls is contradicted by a later one';

const OF_TABLES: readonly string[] = [
  'the table has a row for each key, made of the latest rows of both sides; several changes of a key in one slice become one change',
  'both sides of a key are in one shard of the internal stream and have one reader, so no change is lost between two transactions',
  'an event is rejected if a column that the statement reads is invalid, or an expression fails on the joined row; that stays as it was',
];

const OF_FILES: readonly string[] = [
  'each row of one side meets each row of the other with the same key, as in Postgres',
  'a line is rejected if a column that the statement reads is invalid, or an expression fails on a row that is joined of it',
];

const OF_STREAMS: readonly string[] = [
  'each event of the stream is joined once, with the row of the table as it stands at its place in the internal stream',
  'both sides of a key are in one shard of the internal stream and have one reader, so no match is lost between two transactions',
  'an event is rejected if a column that the statement reads is invalid, or an expression fails on it; the others of its key go on',
  'outputs with the same key keep their order; by default, their key is what they are joined by',
];

/** Returns the code of the parts of a join. */
export function joinCode(module: ModuleCode, plan: Plan, join: Join): string {
  const parts = {
    left: statementCode(module, isForeign(join) ? leftRowPlan(plan, join) : sidePlan(plan, join, 'left')),
    right: statementCode(module, sidePlan(plan, join, 'right')),
    row: statementCode(module, rowPlan(plan, join, formOf(join))),
  };
  return Object.entries(parts)
    .map(([part, code]) => `${part}: {\n${code}\n},`)
    .join('\n');
}
