import { factsOf } from '../catalog/type-facts.ts';
import type { Checked, ScopeColumn } from '../plan/checked.ts';
import { columnsOf } from '../plan/checked.ts';
import { inputsOf } from '../plan/grouping.ts';
import type { Plan } from '../plan/plan.ts';
import { positionAt } from '../syntax/source-position.ts';
import { readColumn } from './columns.ts';
import { emit, grouped } from './expression.ts';
import { filterCode, firstTextTest } from './filter.ts';
import type { ModuleCode } from './module-code.ts';
import { annotated, expand, quoteText } from './module-code.ts';
import { outputCode } from './outputs.ts';

/** Returns the columns of the data that a plan reads, in the order of use: the columns of WHERE come first. */
export function dataColumnsOf(plan: Plan): readonly ScopeColumn[] {
  const expressions = [
    plan.where,
    ...plan.unnests.map(({ list }) => list),
    ...(plan.grouping === undefined ? plan.outputs.map(({ expression }) => expression) : inputsOf(plan.grouping)),
    plan.partitionBy,
    plan.timestampBy,
  ];
  const read = expressions.flatMap((expression) => (expression === undefined ? [] : columnsOf(expression)));
  return [...new Set(read)].filter(({ origin }) => origin === 'data');
}

/** Returns the code of the object that the runtime runs: `Statement` in functions/runtime/sql/sql-transform.ts. */
export function statementCode(module: ModuleCode, plan: Plan): string {
  return [...inputCode(module, plan), selectCode(module, plan)].join('\n');
}

/** Returns the code of the columns that a statement reads and of its WHERE. */
export function inputCode(module: ModuleCode, plan: Plan): readonly string[] {
  const columns = dataColumnsOf(plan);
  const { where } = plan;
  const filter = where === undefined || isPerElement(where) ? undefined : whereCode(module, plan, where);
  return [
    `columns: [${columns.map(({ name }) => JSON.stringify(name).replace(/^"(.*)"$/, (whole, inner: string) => (inner.includes("'") || inner.includes('\\') ? whole : `'${inner}'`))).join(', ')}],`,
    ...(filter === undefined || where === undefined
      ? []
      : [`whereReads: ${columnsOf(where).filter(({ origin }) => origin === 'data').length},`, filter]),
  ];
}

/** Tests for a WHERE that names an unnested column and so has to be evaluated for each element. */
const isPerElement = (where: Checked): boolean => columnsOf(where).some(({ origin }) => origin === 'unnest');

function parameters(module: ModuleCode, target: boolean): string {
  const types = { row: '{row/row/Row}', event: '{sql-transform/EventAttributes}', target: '{sql-transform/Target}' };
  const names = target ? (['row', 'event', 'target'] as const) : (['row', 'event'] as const);
  return names.map((name) => annotated(module, name, module.typed ? expand(module, types[name]) : '')).join(', ');
}

function whereCode(module: ModuleCode, plan: Plan, where: Checked): string {
  const { bytesTests, reads, tests } = filterCode(module, plan, { where, indexes: indexesOf(plan) });
  const first =
    bytesTests === undefined ? [] : tests === '' ? [`return ${bytesTests};`] : [`if (!(${bytesTests})) return false;`];
  const then = tests === '' ? [] : [...reads, `return ${tests};`];
  return [`where: (${parameters(module, false)}) => {`, ...first, ...then, '},'].join('\n');
}

/** Finds a column and the text that it must equal for WHERE to be true, if WHERE has such a condition. */
export function neededText(plan: Plan): ReturnType<typeof firstTextTest> {
  const { where } = plan;
  return where === undefined || isPerElement(where) ? undefined : firstTextTest(where, indexesOf(plan));
}

export function indexesOf(plan: Plan): ReadonlyMap<ScopeColumn, number> {
  return new Map(dataColumnsOf(plan).map((column, i) => [column, i]));
}

function selectCode(module: ModuleCode, plan: Plan): string {
  const indexes = indexesOf(plan);
  const { lines, read } = outputCode(module, plan, indexes);
  const attributes = [plan.partitionBy, plan.timestampBy].filter((expression) => expression !== undefined);
  const body = perRowCode(module, plan, {
    read: [...read, ...attributes.flatMap(columnsOf)],
    lines: [...lines, emitCode(module, plan)],
  });
  return [`select: (${parameters(module, true)}) => {`, 'const { writer } = target;', ...body, '},'].join('\n');
}

interface PerRow {
  /** The columns that the lines read. */
  readonly read: readonly ScopeColumn[];
  readonly lines: readonly string[];
}

/** Returns code that runs lines for every row of an event: once, or for each element of the unnested lists. */
export function perRowCode(module: ModuleCode, plan: Plan, { read, lines }: PerRow): readonly string[] {
  const indexes = indexesOf(plan);
  const keys = plan.grouping?.keys ?? [];
  const repeated = new Set(keys.flatMap(({ expression }) => (expression.kind === 'column' ? [expression.column] : [])));
  const lists = plan.unnests.map(({ list }) => list);
  const perElement = plan.where !== undefined && isPerElement(plan.where) ? [plan.where] : [];
  const needed = [...new Set([...read, ...[...lists, ...perElement].flatMap(columnsOf)])];
  const reads = needed
    .filter(({ origin }) => origin !== 'unnest')
    .map((column) => readColumn(module, column, { indexes, repeated }));
  const inner = [...perElement.map((where) => `if (${truth(emit(module, where), where)}) continue;`), ...lines];
  const loops = plan.unnests.reduceRight<readonly string[]>((body, unnest) => loopCode(module, unnest, body), inner);
  return [...reads, ...loops];
}

const truth = (code: string, { nullable }: Checked): string => (nullable ? `(${code}) !== true` : `!(${code})`);

function loopCode(
  module: ModuleCode,
  { list, variable, columns }: Plan['unnests'][number],
  body: readonly string[],
): readonly string[] {
  const items = emit(module, list);
  const fields = columns.flatMap(({ field, type, variable: name }) =>
    field === undefined
      ? []
      : `const ${name} = ${expand(module, '{json/json-columns/readField}')}(${variable}, ${quoteText(field)}, ${expand(module, factsOf(type).fromJson)});`,
  );
  return [`for (const ${variable} of ${list.nullable ? `${grouped(items)} ?? []` : items}) {`, ...fields, ...body, '}'];
}

function emitCode(module: ModuleCode, plan: Plan): string {
  const { partitionBy, timestampBy } = plan;
  const key =
    partitionBy === undefined
      ? 'undefined'
      : `${expand(module, '{sql-transform/checkedKey}')}(${emit(module, partitionBy)})`;
  const keyAt = partitionBy === undefined ? [] : [at(plan, partitionBy)];
  if (timestampBy === undefined) return [...keyAt, `target.emit(${key});`].join('\n');
  const time = `${expand(module, '{sql-transform/checkedTime}')}(${emit(module, timestampBy)})`;
  const keyFirst = partitionBy === undefined ? [] : [...keyAt, `const key = ${key};`];
  const keyName = partitionBy === undefined ? 'undefined' : 'key';
  return [...keyFirst, at(plan, timestampBy), `target.emit(${keyName}, ${time});`].join('\n');
}

/** Returns code that records the position of an expression, for error messages, before it is evaluated. */
export function at(plan: Plan, { offset }: Pick<Checked, 'offset'>): string {
  const { line, column } = positionAt(plan.source, offset);
  return `row.at = '${line}:${column}';`;
}
