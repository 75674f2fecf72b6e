import type { Column } from '../../../infra/sql/plan/sql-type.ts';
import { typeName } from '../../../infra/sql/plan/sql-type.ts';
import type { Generated } from './generated.ts';
import { simpler, sqlOf } from './generated.ts';
import type { Leaf, Pen } from './generator.ts';
import { expression } from './generator.ts';
import type { Random } from './random.ts';
import type { TestTable } from './tables.ts';
import { leavesOf, leavesOfColumn, quoteName } from './tables.ts';
import { TYPE_NAMES } from './type-names.ts';

/** A random statement that can be taken apart. */
export interface TestStatement {
  readonly outputs: readonly TestOutput[];
  readonly unnests: readonly TestUnnest[];
  readonly where: Generated | undefined;
  readonly partitionBy: Generated | undefined;
  readonly timestampBy: Generated | undefined;
}

/** An output column. `name` follows AS; a copied column keeps its own name, and `s.*` has none. */
export interface TestOutput {
  readonly expression: Generated;
  readonly name: string | undefined;
}

export interface TestUnnest {
  readonly list: Generated;
  /** `u1`, or `u1(v)`. */
  readonly alias: string;
}

const STREAM = 's';
/** What can be written as JSON. */
const OUTPUT_TYPES = TYPE_NAMES.filter((name) => name !== 'interval' && name !== 'bytea');

export function randomStatement(random: Random, table: TestTable): TestStatement {
  const leaves = [...leavesOf(table, STREAM)];
  const unnests: TestUnnest[] = [];
  for (let i = random.chance(0.3) ? 1 + random.below(2) : 0; i > 0; i -= 1) {
    const { unnest, columns } = randomUnnest({ random, columns: leaves }, table, unnests.length + 1);
    unnests.push(unnest);
    leaves.push(...columns);
  }
  const pen = { random, columns: leaves };
  const where = random.chance(0.6) ? randomCondition(pen) : undefined;
  const partitionBy = random.chance(0.2) ? expression(pen, random.pick(['text', 'integer', 'uuid']), 1) : undefined;
  const timestampBy = random.chance(0.2)
    ? expression(pen, random.pick(['timestamptz', 'timestamp', 'date']), 1)
    : undefined;
  return { outputs: randomOutputs(pen, table), unnests, where, partitionBy, timestampBy };
}

export function randomUnnest(
  pen: Pen,
  { columns }: TestTable,
  index: number,
): { unnest: TestUnnest; columns: readonly Leaf[] } {
  const alias = `u${index}`;
  const lists = columns.filter(({ type }) => type.kind === 'array');
  const chosen: Column | undefined = lists.length > 0 && pen.random.chance(0.8) ? pen.random.pick(lists) : undefined;
  if (chosen === undefined || chosen.type.kind !== 'array') {
    const type = pen.random.pick(['integer', 'text', 'numeric']);
    const list = expression(pen, `${type}[]`, 2);
    return { unnest: { list, alias: `${alias}(v)` }, columns: [{ sql: `${alias}.v`, type }] };
  }
  const list: Generated = {
    type: typeName(chosen.type),
    parts: [],
    render: () => `${STREAM}.${quoteName(chosen.name)}`,
  };
  const { element } = chosen.type;
  if (element.kind !== 'record')
    return {
      unnest: { list, alias: `${alias}(v)` },
      columns: leavesOfColumn({ ...chosen, type: element }, `${alias}.v`),
    };
  const fields = element.fields.flatMap((field) => leavesOfColumn(field, `${alias}.${quoteName(field.name)}`));
  return { unnest: { list, alias }, columns: fields };
}

/** Mostly what people write: a test of one column first. */
function randomCondition(pen: Pen): Generated {
  const condition = expression(pen, 'boolean', 1 + pen.random.below(3));
  const texts = pen.columns.filter(({ type }) => type === 'text');
  if (texts.length === 0 || pen.random.chance(0.5)) return condition;
  const column = pen.random.pick(texts).sql;
  const test = pen.random.pick([
    `${column} = 'a'`,
    `${column} = 'é'`,
    `'COMPLETE' = ${column}`,
    `${column} IS NOT NULL`,
  ]);
  return {
    type: 'boolean',
    parts: [condition],
    conjuncts: (parts) => parts,
    render: ([other]) => `${test} AND ${other}`,
  };
}

function randomOutputs(pen: Pen, { columns }: TestTable): readonly TestOutput[] {
  const { random } = pen;
  const outputs: TestOutput[] = [];
  const taken = new Set<string>();
  for (let i = random.below(4); i >= 0; i -= 1) {
    if (random.chance(0.65)) {
      outputs.push({ expression: expression(pen, random.pick(OUTPUT_TYPES), 1 + random.below(4)), name: `x${i}` });
      continue;
    }
    const { name, type } = random.pick(columns);
    const renamed = taken.has(name) || random.chance(0.3);
    if (!renamed) taken.add(name);
    const copied: Generated = { type: typeName(type), parts: [], render: () => `${STREAM}.${quoteName(name)}` };
    outputs.push({ expression: copied, name: renamed ? `X ${i}` : undefined });
  }
  if (taken.size === 0 && random.chance(0.1))
    outputs.unshift({ expression: { type: '*', parts: [], render: () => `${STREAM}.*` }, name: undefined });
  return outputs;
}

/** The statement as it is compiled here. */
export function statementText(statement: TestStatement): string {
  const { partitionBy, timestampBy } = statement;
  const select = `${selectText(statement.outputs)} FROM stream AS ${STREAM}${unnestText(statement)}${whereText(statement)}`;
  const key = partitionBy === undefined ? '' : ` PARTITION BY ${sqlOf(partitionBy)}`;
  return `${select}${key}${timestampBy === undefined ? '' : ` TIMESTAMP BY ${sqlOf(timestampBy)}`}`;
}

/** The same for Postgres, where an event's attributes are a table, and key and time are columns. */
export function postgresText(statement: TestStatement): string {
  const key = statement.partitionBy === undefined ? 'null' : sqlOf(statement.partitionBy);
  const time = statement.timestampBy === undefined ? 'null' : sqlOf(statement.timestampBy);
  return `${selectText(statement.outputs)}, (${key})::text AS "#key", (${time})::timestamptz AS "#time" ${fromEvent(statement)}${whereText(statement)}`;
}

/**
 * One part of a statement on its own, over the lists that it names: Postgres may evaluate it before it unnests the
 * others.
 */
export const aloneText = (statement: TestStatement, part: Generated): string =>
  `SELECT (${sqlOf(part)}) AS x FROM stream AS ${STREAM}${unnestText(over(statement, part))}`;
export const aloneInPostgres = (statement: TestStatement, part: Generated): string =>
  `SELECT (${sqlOf(part)}) AS x ${fromEvent(over(statement, part))}`;

function over(statement: TestStatement, part: Generated): TestStatement {
  const unnests: TestUnnest[] = [];
  for (const unnest of statement.unnests.toReversed()) {
    const name = `${unnest.alias.slice(0, 2)}.`;
    const texts = [part, ...unnests.map(({ list }) => list)].map(sqlOf);
    if (texts.some((text) => text.includes(name))) unnests.unshift(unnest);
  }
  return { ...statement, unnests };
}

const selectText = (outputs: readonly TestOutput[]): string =>
  `SELECT ${outputs.map(({ expression, name }) => `${sqlOf(expression)}${name === undefined ? '' : ` AS ${quoteName(name)}`}`).join(', ')}`;
export const unnestText = ({ unnests }: Pick<TestStatement, 'unnests'>): string =>
  unnests.map(({ list, alias }) => `, unnest(${sqlOf(list)}) AS ${alias}`).join('');
const whereText = ({ where }: TestStatement): string => (where === undefined ? '' : ` WHERE ${sqlOf(where)}`);
const fromEvent = (statement: TestStatement): string => `FROM stream AS ${STREAM}, event${unnestText(statement)}`;

/** Every expression that can fail by itself; of WHERE also each of its conditions. */
export function partsOf({ outputs, unnests, where, ...attributes }: TestStatement): readonly Generated[] {
  const conditions = where === undefined ? [] : [...conjunctsOf(where), ...constantsOf(where)];
  const parts = [...outputs.map(({ expression }) => expression), ...unnests.map(({ list }) => list), ...conditions];
  const { partitionBy, timestampBy } = attributes;
  return [...parts, partitionBy, timestampBy].filter(
    (part) => part !== undefined && part.parts.length > 0,
  ) as Generated[];
}

/** What names no column: Postgres may compute it when it plans, although no row ever asks for it. */
const constantsOf = (part: Generated): readonly Generated[] =>
  /\b(?:s|event|u\d)\./.test(sqlOf(part)) ? part.parts.flatMap(constantsOf) : [part];

const conjunctsOf = (part: Generated): readonly Generated[] => [
  part,
  ...(part.conjuncts?.(part.parts) ?? []).flatMap(conjunctsOf),
];

/** Statements with a part less, shortest first. */
export function simplerStatements(statement: TestStatement): readonly TestStatement[] {
  const { outputs, unnests, where, partitionBy, timestampBy } = statement;
  const candidates: TestStatement[] = [];
  if (where !== undefined) candidates.push({ ...statement, where: undefined });
  if (partitionBy !== undefined) candidates.push({ ...statement, partitionBy: undefined });
  if (timestampBy !== undefined) candidates.push({ ...statement, timestampBy: undefined });
  if (unnests.length > 0) candidates.push({ ...statement, unnests: unnests.slice(0, -1) });
  if (outputs.length > 1)
    candidates.push(...outputs.map((_, i) => ({ ...statement, outputs: outputs.filter((_other, j) => j !== i) })));
  for (const [i, output] of outputs.entries())
    for (const expression of simpler(output.expression))
      if (expression.type === output.expression.type)
        candidates.push({ ...statement, outputs: outputs.map((old, j) => (j === i ? { ...old, expression } : old)) });
  if (where !== undefined)
    candidates.push(
      ...simpler(where).flatMap((smaller) => (smaller.type === 'boolean' ? [{ ...statement, where: smaller }] : [])),
    );
  if (partitionBy !== undefined)
    candidates.push(...simpler(partitionBy).map((smaller) => ({ ...statement, partitionBy: smaller })));
  if (timestampBy !== undefined)
    candidates.push(
      ...simpler(timestampBy).flatMap((smaller) =>
        smaller.type === timestampBy.type ? [{ ...statement, timestampBy: smaller }] : [],
      ),
    );
  for (const [i, unnest] of unnests.entries())
    for (const list of simpler(unnest.list))
      if (list.type === unnest.list.type)
        candidates.push({ ...statement, unnests: unnests.map((old, j) => (j === i ? { ...old, list } : old)) });
  return candidates.sort((a, b) => statementText(a).length - statementText(b).length).slice(0, 80);
}
