import type { Node, SelectStmt } from 'libpg-query';
import type { Checked } from '../plan/checked.ts';
import { and } from '../plan/conditions.ts';
import type { OutputColumn, Plan } from '../plan/plan.ts';
import type { Column, SqlType } from '../plan/sql-type.ts';
import { isScalar, scalar, TEXT, typeName } from '../plan/sql-type.ts';
import type { ParsedStatement } from '../syntax/parse.ts';
import { parseCondition, parseStatement } from '../syntax/parse.ts';
import { offsetOfKeyword, type Source } from '../syntax/source-position.ts';
import { suggest } from '../syntax/suggest.ts';
import { forbidAggregates } from './aggregates.ts';
import type { CheckContext } from './context.ts';
import { coerce, convert, mistake, requireBoolean, withoutUnknown } from './context.ts';
import { checkExpression } from './expression.ts';
import { checkFirstRow, isDistinctOn } from './first-row.ts';
import { foldConstants } from './fold.ts';
import type { DeclaredKey } from './foreign-key.ts';
import { checkFrom, hasJoin } from './from.ts';
import { checkGrouped, isGrouped, rejectStreamClauses } from './grouped.ts';
import { joinedTable } from './joined-table.ts';
import { notNullWhere } from './never-null.ts';
import { checkOutputs } from './outputs.ts';
import { noKey, rejectInTable, requireTableName, tableNamed, tablePlan } from './table.ts';
import { rejectWindow } from './window.ts';

export interface Expected {
  readonly columns: readonly Column[];
  /** The columns of each input by its name in FROM, if there are two: FROM may join them. */
  readonly inputs?: ReadonlyMap<string, readonly Column[]>;
  /** What the rows of the inputs are keyed by, where the file says it. */
  readonly keys?: ReadonlyMap<string, DeclaredKey>;
  /** The streams that the step reads and writes; undefined if the statement may use any name. */
  readonly from?: string;
  readonly to?: string;
  /** Whether the statement reads files, which have an end. Then it may be any statement. */
  readonly ofFiles?: boolean;
  /** What the statement has to make: a stream without `makes`. Not for files. */
  readonly makes?: 'stream' | 'table' | 'either';
}

/** Parses and checks a statement. Throws `SqlMistake` with line, column and caret. */
export async function checkStatement(source: Source, expected: Expected): Promise<Plan> {
  return checkParsed(source, await parseStatement(source), expected);
}

/** Parses and checks a condition. The plan has a WHERE and no outputs. */
export async function checkCondition(source: Source, stream: string, columns: readonly Column[]): Promise<Plan> {
  const parsed = await parseCondition(source, stream);
  return { ...checkParsed(source, parsed, { columns }), outputs: [] };
}

function checkParsed(source: Source, parsed: ParsedStatement, expected: Expected): Plan {
  const base = { source, offsetOf: parsed.offsetOf };
  const kind = kindOf(base, parsed, expected);
  const inFrom = kind.ofGroups
    ? { ...base, aggregate: forbidAggregates('aggregate functions are not allowed in functions in FROM') }
    : base;
  const from = checkFrom(inFrom, parsed.select, {
    columns: expected.columns,
    byName: expected.inputs,
    keys: expected.keys,
    ofFiles: expected.ofFiles === true,
    makesTable: kind.isTable,
    within: parsed.within,
    asOf: parsed.asOf,
  });
  requireName(base, { what: 'FROM', name: from.stream, expected: expected.from, offset: from.offset });
  if (parsed.target?.kind === 'stream')
    requireName(base, { what: 'CREATE STREAM', expected: expected.to, ...parsed.target });
  const scope = { ...base, columns: from.columns, selected: outputNames(parsed.select.targetList ?? []) };
  const check = (node: Node): Checked =>
    foldConstants(source, withoutUnknown({ ...scope, check }, checkExpression(scope, node)));
  const context: CheckContext = { ...scope, check };
  const { whereClause } = parsed.select;
  const whereScope = kind.ofGroups
    ? { ...scope, aggregate: forbidAggregates('aggregate functions are not allowed in WHERE', 'use HAVING') }
    : scope;
  const written =
    whereClause === undefined ? undefined : requireBoolean(context, checkExpression(whereScope, whereClause), 'WHERE');
  const where = and([...from.on, ...(written === undefined ? [] : [written])]);
  const input = {
    source,
    from: from.stream,
    target: kind.isTable ? undefined : parsed.target?.name,
    ...(kind.isTable ? { table: parsed.target?.name ?? '' } : {}),
    columns: from.columns,
    unnests: from.unnests,
    ...(from.join === undefined ? {} : { join: from.join }),
    where: where === undefined ? undefined : foldConstants(source, where),
  };
  if (!kind.grouped) {
    const plan = { ...input, ...checkEvents(context, parsed, where) };
    return kind.isTable ? joinedTable(plan, parsed.target?.offset ?? 0) : plan;
  }
  const groups = kind.distinctOn
    ? checkFirstRow(scope, parsed)
    : checkGrouped(scope, parsed, expected.ofFiles === true);
  const plan = { ...input, ...groups, partitionBy: undefined, timestampBy: undefined };
  return kind.isTable ? tablePlan(plan, parsed.target?.offset ?? 0) : plan;
}

interface StatementKind {
  readonly isTable: boolean;
  /** Whether it may group: a table, or a statement over files. */
  readonly ofGroups: boolean;
  readonly distinctOn: boolean;
  readonly grouped: boolean;
}

/** Returns what kind of statement it is. Throws when that is not what is expected, and for clauses of other kinds. */
function kindOf(base: Base, parsed: ParsedStatement, expected: Expected): StatementKind {
  const { ofFiles = false, makes = 'stream', inputs } = expected;
  const { select, target } = parsed;
  const isTable = target?.kind === 'table';
  if (!ofFiles) requireKind(base, target, makes === 'either' ? (target?.kind ?? 'stream') : makes);
  const ofGroups = ofFiles || isTable;
  const distinctOn = ofGroups && isDistinctOn(select);
  const grouped = distinctOn || (ofGroups && isGrouped(select));
  if (!grouped || distinctOn) rejectWindow(base, parsed, !ofGroups);
  if (isTable) rejectInTable(base.source, select);
  rejectUnsupportedClauses(base, select, { ofFiles: ofGroups, grouped, distinctOn });
  if (isTable && !grouped && !(inputs !== undefined && hasJoin(select))) throw noKey(base.source, target.offset);
  if (grouped || isTable) rejectStreamClauses(base, parsed, { ofFiles, grouped });
  return { isTable, ofGroups, distinctOn, grouped };
}

/** Checks what a statement makes of one event after another. */
function checkEvents(
  context: CheckContext,
  { select, partitionBy, timestampBy }: ParsedStatement,
  where: Checked | undefined,
): Pick<Plan, 'outputs' | 'partitionBy' | 'timestampBy' | 'limit'> {
  const timeOf = (node: Node): Checked =>
    checkTime(context, foldConstants(context.source, checkTimeType(context, checkExpression(context, node))));
  return {
    outputs: withProvenNotNull(checkOutputs(context, select.targetList ?? []), where),
    partitionBy: partitionBy === undefined ? undefined : checkKey(context, partitionBy),
    timestampBy: timestampBy === undefined ? undefined : timeOf(timestampBy),
    limit: limitOf(context, select.limitCount),
  };
}

/** Returns the number of LIMIT; undefined without one, and for LIMIT ALL. */
function limitOf(base: Base, node: Node | undefined): number | undefined {
  if (node === undefined) return undefined;
  const constant = 'A_Const' in node ? node.A_Const : undefined;
  if (constant?.isnull === true) return undefined;
  const whole = constant?.ival === undefined ? Number(constant?.fval?.fval ?? Number.NaN) : (constant.ival.ival ?? 0);
  if (Number.isInteger(whole) && whole >= 0) return whole;
  const offset = offsetOfKeyword(base.source, /\b(?:limit|fetch)\b/i);
  throw mistake(base, 'unsupported', { offset, problem: 'LIMIT takes a whole number, such as LIMIT 10' });
}

const outputNames = (targets: readonly Node[]): readonly string[] =>
  targets.flatMap((node) => ('ResTarget' in node ? (node.ResTarget.name ?? []) : []));

type Base = Pick<CheckContext, 'source' | 'offsetOf'>;

interface Named {
  readonly what: string;
  readonly name: string;
  readonly expected: string | undefined;
  readonly offset: number;
}

function requireName(base: Base, { what, name, expected, offset }: Named): void {
  if (expected === undefined || name === expected) return;
  const near = suggest(name, [expected]);
  throw mistake(base, 'invalid', {
    offset,
    problem: `${what} names "${name}", but the step ${what === 'FROM' ? 'reads' : 'writes'} "${expected}"`,
    hint: near === undefined ? undefined : `did you mean "${near}"?`,
  });
}

function requireKind(base: Base, target: ParsedStatement['target'], makes: 'stream' | 'table'): void {
  if (makes === 'table' && target?.kind === 'table') requireTableName(base.source, target);
  else if (makes === 'table')
    throw mistake(base, 'invalid', {
      offset: offsetOfKeyword(base.source, /\b(?:create|select)\b/i),
      problem: 'a file in functions/tables creates a table',
      hint: `write CREATE TABLE ${tableNamed(base.source.file)} AS SELECT …; SQL that makes events of events stands in functions/transforms`,
    });
  else if (target?.kind === 'table')
    throw mistake(base, 'unsupported', {
      offset: target.offset,
      problem: 'a transform makes events, and CREATE TABLE makes a table',
      hint: `put it into functions/tables/${target.name.replaceAll('_', '-')}.sql, or write CREATE STREAM`,
    });
}

interface Allowed {
  readonly ofFiles: boolean;
  readonly grouped: boolean;
  readonly distinctOn: boolean;
}

function rejectUnsupportedClauses(base: Base, select: SelectStmt, allowed: Allowed): void {
  const { ofFiles, grouped, distinctOn } = allowed;
  const words: readonly (readonly [present: boolean, word: RegExp, problem: string, hint?: string])[] = [
    [
      !grouped && (select.groupClause?.length ?? 0) > 0,
      /\bgroup\s+by\b/i,
      'GROUP BY is not supported in a transform, which sees one event at a time',
      'write CREATE TABLE … AS SELECT … GROUP BY in functions/tables',
    ],
    [
      !grouped && select.havingClause !== undefined,
      /\bhaving\b/i,
      'HAVING is not supported in a transform, which sees one event at a time',
      'write CREATE TABLE … AS SELECT … GROUP BY … HAVING in functions/tables',
    ],
    [
      (select.windowClause?.length ?? 0) > 0,
      /\bwindow\b/i,
      'WINDOW <name> AS (…) is not supported yet',
      'for windows of time write WINDOW TUMBLING (SIZE 15 MINUTES) after FROM',
    ],
    [
      !distinctOn && (select.distinctClause?.length ?? 0) > 0,
      /\bdistinct\b/i,
      ofFiles
        ? 'SELECT DISTINCT is not supported'
        : 'DISTINCT is not supported in a transform, which sees one event at a time',
      ofFiles
        ? 'write GROUP BY with the same columns, or SELECT DISTINCT ON (key) … ORDER BY key, time DESC'
        : 'for the latest row of each key, write CREATE TABLE … AS SELECT DISTINCT ON (key) … in functions/tables',
    ],
    [
      !grouped && (select.sortClause?.length ?? 0) > 0,
      /\border\s+by\b/i,
      'ORDER BY is not supported: events keep their order',
    ],
    [
      !ofFiles && (select.limitCount !== undefined || select.limitOffset !== undefined),
      /\b(?:limit|offset|fetch)\b/i,
      'LIMIT and OFFSET are not supported: a stream has no end',
    ],
    [!grouped && select.limitOffset !== undefined, /\boffset\b/i, 'OFFSET is not supported: write LIMIT alone'],
    [select.withClause !== undefined, /\bwith\b/i, 'WITH is not supported yet'],
    [
      select.op !== undefined && select.op !== 'SETOP_NONE',
      /\b(?:union|intersect|except)\b/i,
      'UNION, INTERSECT and EXCEPT are not supported: use two steps that write to one stream',
    ],
    [(select.valuesLists?.length ?? 0) > 0, /\bvalues\b/i, 'VALUES is not supported'],
    [select.intoClause !== undefined, /\binto\b/i, 'SELECT INTO is not supported: write CREATE STREAM … AS SELECT'],
    [(select.lockingClause?.length ?? 0) > 0, /\bfor\b/i, 'FOR UPDATE is not supported'],
  ];
  for (const [present, word, problem, hint] of words)
    if (present) throw mistake(base, 'unsupported', { offset: offsetOfKeyword(base.source, word), problem, hint });
}

/** Marks copied columns as not nullable if WHERE proves that they are not null. */
function withProvenNotNull(outputs: readonly OutputColumn[], where: Checked | undefined): readonly OutputColumn[] {
  if (where === undefined) return outputs;
  const present = notNullWhere(where);
  return outputs.map(({ name, expression }) =>
    expression.kind === 'column' && expression.column.origin === 'data' && present.has(expression.column)
      ? { name, expression: { ...expression, nullable: false } }
      : { name, expression },
  );
}

function checkKey(context: CheckContext, node: Node): Checked {
  const expression = context.check(node);
  const text = convert(context, expression, { to: TEXT, as: 'explicit' });
  if (text === undefined)
    throw mistake(context, 'invalid', {
      offset: expression.offset,
      problem: `PARTITION BY needs a value that can be converted to text, not ${typeName(expression.type)}`,
    });
  return text;
}

function checkTimeType(context: CheckContext, expression: Checked): Checked {
  const time = coerce(context, expression, scalar('timestamptz'));
  if (time !== undefined) return time;
  throw mistake(context, 'invalid', {
    offset: expression.offset,
    problem: `TIMESTAMP BY needs a timestamptz, a timestamp or a date, not ${typeName(expression.type)}`,
    hint: timeHint(expression.type),
  });
}

function timeHint(type: SqlType): string | undefined {
  if (isScalar(type, 'text')) return 'cast it, as in (…)::timestamptz';
  const isNumber = ['integer', 'bigint', 'numeric', 'double precision'].includes(typeName(type));
  return isNumber ? 'to_timestamp(…) takes seconds since 1970; divide milliseconds by 1000.0' : undefined;
}

function checkTime(context: CheckContext, time: Checked): Checked {
  if (time.kind !== 'constant' || time.text !== null) return time;
  throw mistake(context, 'unsupported', {
    offset: time.offset,
    problem: 'TIMESTAMP BY is null, and an event needs a time',
    hint: 'leave it out to keep the time of the input event',
  });
}
