import type { Generated } from './generated.ts';
import { leaf, simpler, sqlOf } from './generated.ts';
import type { Leaf, Pen } from './generator.ts';
import { expression } from './generator.ts';
import type { Random } from './random.ts';
import type { TestUnnest } from './statement-generator.ts';
import { randomUnnest, unnestText } from './statement-generator.ts';
import type { TestTable } from './tables.ts';
import { leavesOf, quoteName } from './tables.ts';

/** A random statement with groups that can be taken apart. */
export interface GroupedTest {
  readonly outputs: readonly Generated[];
  readonly unnests: readonly TestUnnest[];
  readonly where: string | undefined;
  readonly groupBy: readonly string[];
  readonly having: Generated | undefined;
  /** The orders of the outputs, in the order of the outputs. */
  readonly orderBy: readonly string[];
  readonly limit: string;
  /** Whether only its aggregates can fail: then a failure here is one in Postgres, and the other way round. */
  readonly isPlain: boolean;
}

const STREAM = 's';

/** Types of which equal values are written alike, so that it does not matter which of them a group keeps. */
const EXACT = new Set(['boolean', 'integer', 'bigint', 'text', 'date', 'timestamp', 'timestamptz', 'uuid']);
const WRITABLE = new Set([...EXACT, 'numeric', 'double precision', 'jsonb', 'integer[]', 'text[]', 'numeric[]']);
const NUMBERS = ['integer', 'bigint', 'numeric', 'double precision'];

interface Drawing {
  readonly pen: Pen;
  /**
   * Postgres sorts the rows for DISTINCT and ORDER BY. An aggregate whose result depends on their order then has
   * another one than here.
   */
  readonly isSorted: boolean;
  readonly isPlain: boolean;
}

export function randomGrouped(random: Random, table: TestTable): GroupedTest {
  const ofTable = leavesOf(table, STREAM).filter(({ sql }) => !sql.startsWith('event.'));
  const drawn = random.chance(0.25) ? randomUnnest({ random, columns: ofTable }, table, 1) : undefined;
  // Postgres may unnest a list that names no column before it reads the stream, and then the rows come in another
  // order.
  const unnested = drawn !== undefined && /\bs\./.test(sqlOf(drawn.unnest.list)) ? drawn : undefined;
  const unnests = unnested === undefined ? [] : [unnested.unnest];
  const columns = [...ofTable, ...(unnested?.columns ?? [])];
  const isPlain = random.chance(0.7) && unnests.every(({ list }) => list.parts.length === 0);
  const drawing: Drawing = { pen: { random, columns }, isSorted: random.chance(0.5), isPlain };
  const keys = randomKeys(drawing);
  const aggregates = Array.from({ length: 1 + random.below(4) }, () => randomAggregate(drawing));
  const ofGroup: Pen = { random, columns: [...keys, ...aggregates] };
  const outputs = randomOutputs(ofGroup, { keys, aggregates, isPlain });
  if (random.chance(0.05)) outputs.push(asPart(random.pick(columns)));
  const having = random.chance(0.2) && !isPlain ? expression(ofGroup, 'boolean', 2) : undefined;
  const isOrdered = random.chance(0.3) && outputs.every(({ type }) => EXACT.has(type));
  return {
    outputs,
    unnests,
    where: random.chance(0.3) ? `${random.pick(columns).sql} IS NOT NULL` : undefined,
    groupBy: keys.map(({ sql }) => sql),
    having: having ?? (random.chance(0.2) ? leaf('boolean', `count(*) > ${random.below(4)}`) : undefined),
    orderBy: isOrdered ? outputs.map(() => random.pick(['', ' DESC', ' NULLS FIRST', ' DESC NULLS LAST'])) : [],
    limit: isOrdered ? random.pick(['', ' LIMIT 3', ' LIMIT 2 OFFSET 1', ' OFFSET 2', ' LIMIT 0']) : '',
    isPlain,
  };
}

const asPart = ({ sql, type }: Leaf): Generated => leaf(type, sql);

function randomKeys({ pen, isSorted, isPlain }: Drawing): readonly Leaf[] {
  const { random, columns } = pen;
  const usable = columns.filter(({ type }) => (isSorted ? EXACT : WRITABLE).has(type));
  if (usable.length === 0) return [];
  return Array.from({ length: random.below(4) }, () => {
    const chosen = random.pick(usable);
    if (isPlain || random.chance(0.5)) return chosen;
    const type = random.pick(['boolean', 'integer', 'text', 'date']);
    return { type, sql: sqlOf(expression(pen, type, 1)) };
  }).filter(({ sql }) => /\b(?:s|u1)\./.test(sql));
}

/** A call of an aggregate as it is written, and its type. */
function randomAggregate(drawing: Drawing): Leaf {
  const { pen, isPlain } = drawing;
  const { random } = pen;
  const call = random.pick(CALLS)(drawing);
  if (call === undefined) return { sql: 'count(*)', type: 'bigint' };
  const booleans = pen.columns.filter(({ type }) => type === 'boolean');
  const test =
    !isPlain && random.chance(0.3)
      ? sqlOf(expression(pen, 'boolean', 1))
      : booleans.length > 0 && random.chance(0.5)
        ? random.pick(booleans).sql
        : `${random.pick(pen.columns).sql} IS NULL`;
  return random.chance(0.25) ? { ...call, sql: `${call.sql} FILTER (WHERE ${test})` } : call;
}

/** Returns a column of one of these types, or now and then an expression; undefined if there is no such column. */
function argument({ pen, isPlain }: Drawing, types: readonly string[]): Leaf | undefined {
  if (!isPlain && pen.random.chance(0.3)) {
    const type = pen.random.pick(types);
    return { type, sql: sqlOf(expression(pen, type, 1)) };
  }
  const fitting = pen.columns.filter(({ type }) => types.includes(type));
  return fitting.length === 0 ? undefined : pen.random.pick(fitting);
}

const MEANS: Readonly<Record<string, string>> = {
  integer: 'numeric',
  bigint: 'numeric',
  numeric: 'numeric',
  'double precision': 'double precision',
};
const SPREADS = ['stddev', 'stddev_samp', 'stddev_pop', 'variance', 'var_samp', 'var_pop'];
const COMPARED = ['integer', 'bigint', 'numeric', 'double precision', 'text', 'date', 'timestamp', 'timestamptz'];

/** Numbers whose aggregates do not depend on the order of the rows, where Postgres sorts them. */
const numbersOf = ({ isSorted }: Drawing): readonly string[] => (isSorted ? NUMBERS.slice(0, 3) : NUMBERS);
const exactOf = (types: readonly string[], { isSorted }: Drawing): readonly string[] =>
  isSorted ? types.filter((type) => EXACT.has(type)) : types;

type Call = (drawing: Drawing) => Leaf | undefined;

const over = (
  types: (drawing: Drawing) => readonly string[],
  call: (argument: Leaf, drawing: Drawing) => Leaf,
): Call => {
  return (drawing) => {
    const chosen = argument(drawing, types(drawing));
    return chosen === undefined ? undefined : call(chosen, drawing);
  };
};

const distinct = ({ pen, isSorted }: Drawing, { type }: Leaf): string =>
  isSorted && EXACT.has(type) && pen.random.chance(0.5) ? 'DISTINCT ' : '';

/** ORDER BY another column and then the value itself: rows that are equal for it are written alike. */
function order({ pen, isSorted }: Drawing, { sql, type }: Leaf, isDistinct: boolean): string {
  if (!isSorted || !EXACT.has(type)) return '';
  const other = pen.random.pick(pen.columns.filter((column) => EXACT.has(column.type)).concat([{ sql, type }])).sql;
  const direction = pen.random.pick(['', ' DESC', ' NULLS FIRST', ' DESC NULLS LAST']);
  return isDistinct ? ` ORDER BY ${sql}${direction}` : ` ORDER BY ${other}${direction}, ${sql}`;
}

function listCall(drawing: Drawing, value: Leaf, rest: string): string {
  const once = distinct(drawing, value);
  const isOrdered = once === '' || drawing.pen.random.chance(0.5);
  return `${once}${value.sql}${rest}${isOrdered ? order(drawing, value, once !== '') : ''}`;
}

const CALLS: readonly Call[] = [
  () => ({ sql: 'count(*)', type: 'bigint' }),
  over(
    () => [...EXACT, 'numeric', 'double precision', 'jsonb', 'integer[]', 'interval'],
    ({ sql }, { isSorted, pen }) => ({
      sql: `count(${isSorted && pen.random.chance(0.6) ? 'DISTINCT ' : ''}${sql})`,
      type: 'bigint',
    }),
  ),
  over(numbersOf, (value, drawing) => ({
    sql: `sum(${distinct(drawing, value)}${value.sql})`,
    type: { integer: 'bigint', bigint: 'numeric' }[value.type] ?? value.type,
  })),
  over(numbersOf, (value, drawing) => ({
    sql: `avg(${distinct(drawing, value)}${value.sql})`,
    type: MEANS[value.type] ?? value.type,
  })),
  over(numbersOf, (value, drawing) => ({
    sql: `${drawing.pen.random.pick(SPREADS)}(${distinct(drawing, value)}${value.sql})`,
    type: MEANS[value.type] ?? value.type,
  })),
  over(
    (drawing) => exactOf(COMPARED, drawing),
    (value, drawing) => ({
      sql: `${drawing.pen.random.pick(['min', 'max'])}(${distinct(drawing, value)}${value.sql})`,
      type: value.type,
    }),
  ),
  over(
    () => ['boolean'],
    ({ sql }, { pen }) => ({ sql: `${pen.random.pick(['bool_and', 'bool_or', 'every'])}(${sql})`, type: 'boolean' }),
  ),
  over(
    () => ['text'],
    (value, drawing) => {
      if (drawing.isSorted && !EXACT.has(value.type)) return { sql: 'count(*)', type: 'bigint' };
      const delimiter = drawing.pen.random.pick(["','", "''", 'null', "' | '"]);
      return { sql: `string_agg(${listCall(drawing, value, `, ${delimiter}`)})`, type: 'text' };
    },
  ),
  over(
    (drawing) => exactOf(['integer', 'text', 'numeric'], drawing),
    (value, drawing) => ({ sql: `array_agg(${listCall(drawing, value, '')})`, type: `${value.type}[]` }),
  ),
  // The sum of the differences of moments, which is only readable through extract.
  over(
    () => ['timestamp', 'timestamptz'],
    ({ sql }, { pen }) => ({
      sql: `extract(epoch FROM ${pen.random.pick(['sum', 'avg', 'min', 'max'])}(${sql} - '2026-01-01'))`,
      type: 'numeric',
    }),
  ),
];

interface OfGroup {
  readonly keys: readonly Leaf[];
  readonly aggregates: readonly Leaf[];
  readonly isPlain: boolean;
}

function randomOutputs(pen: Pen, { keys, aggregates, isPlain }: OfGroup): Generated[] {
  const outputs = [...keys.filter(() => pen.random.chance(0.8)), ...aggregates]
    .filter(({ type }) => WRITABLE.has(type))
    .map(asPart);
  if (isPlain) return outputs;
  const types = ['integer', 'bigint', 'numeric', 'text', 'boolean', 'double precision'];
  return [...outputs, ...Array.from({ length: pen.random.below(3) }, () => expression(pen, pen.random.pick(types), 2))];
}

/** The statement over a stream of the name `stream`, here and in Postgres. */
export function groupedText({ outputs, unnests, where, groupBy, having, orderBy, limit }: GroupedTest): string {
  const select = outputs.map((output, i) => `${sqlOf(output)} AS ${quoteName(`x${i}`)}`).join(', ');
  return [
    `SELECT ${select} FROM stream AS ${STREAM}${unnestText({ unnests })}`,
    where === undefined ? '' : ` WHERE ${where}`,
    groupBy.length === 0 ? '' : ` GROUP BY ${groupBy.join(', ')}`,
    having === undefined ? '' : ` HAVING ${sqlOf(having)}`,
    orderBy.length === 0 ? '' : ` ORDER BY ${orderBy.map((direction, i) => `${i + 1}${direction}`).join(', ')}`,
    limit,
  ].join('');
}

/** Statements with a part less, shortest first. */
export function simplerGrouped(test: GroupedTest): readonly GroupedTest[] {
  const { outputs, orderBy, groupBy } = test;
  const smaller: GroupedTest[] = [
    { ...test, unnests: [] },
    { ...test, where: undefined },
    { ...test, having: undefined },
    { ...test, limit: '' },
    { ...test, orderBy: [], limit: '' },
    ...groupBy.map((_, i) => ({ ...test, groupBy: groupBy.filter((_other, j) => j !== i) })),
  ];
  if (outputs.length > 1)
    smaller.push(
      ...outputs.map((_, i) => ({
        ...test,
        outputs: outputs.filter((_other, j) => j !== i),
        orderBy: orderBy.filter((_other, j) => j !== i),
      })),
    );
  for (const [i, output] of outputs.entries())
    for (const part of simpler(output))
      if (WRITABLE.has(part.type))
        smaller.push({ ...test, outputs: outputs.map((old, j) => (j === i ? part : old)), orderBy: [], limit: '' });
  const text = groupedText(test);
  return smaller
    .filter((other) => groupedText(other).length < text.length)
    .sort((a, b) => groupedText(a).length - groupedText(b).length)
    .slice(0, 60);
}
