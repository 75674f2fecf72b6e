import type { JoinExpr, Node, RangeFunction, SelectStmt } from 'libpg-query';
import type { Checked, ScopeColumn } from '../plan/checked.ts';
import type { Join } from '../plan/join.ts';
import type { Unnest } from '../plan/plan.ts';
import type { Column, ScalarName, SqlType } from '../plan/sql-type.ts';
import { scalar, typeName } from '../plan/sql-type.ts';
import type { ParsedAsOf, ParsedWithin } from '../syntax/join-clauses.ts';
import { nameOf, namesOf } from '../syntax/parse-nodes.ts';
import { offsetOfKeyword, type SqlMistake } from '../syntax/source-position.ts';
import type { CheckContext } from './context.ts';
import { mistake } from './context.ts';
import { checkExpression } from './expression.ts';
import { foldConstants } from './fold.ts';
import { type DeclaredKey, foreignKey, refuseKeys } from './foreign-key.ts';
import { checkJoin } from './join.ts';

type Base = Omit<CheckContext, 'check' | 'columns'>;

export interface From {
  readonly stream: string;
  readonly offset: number;
  readonly columns: readonly ScopeColumn[];
  readonly unnests: readonly Unnest[];
  readonly join?: Join;
  /** What ON of the join asks besides its keys: conditions as those of WHERE. */
  readonly on: readonly Checked[];
}

/** The inputs that FROM may name. */
export interface Inputs {
  /** The columns of the only input, which may have any name. */
  readonly columns: readonly Column[];
  /** The columns of each input by its name, where there are two. */
  readonly byName?: ReadonlyMap<string, readonly Column[]> | undefined;
  readonly ofFiles: boolean;
  /** Whether the statement makes a table. Then a join is one of two tables. */
  readonly makesTable: boolean;
  /** What the rows of tables are keyed by, by their names. */
  readonly keys?: ReadonlyMap<string, DeclaredKey> | undefined;
  /** WITHIN of the join. */
  readonly within: ParsedWithin | undefined;
  readonly asOf: ParsedAsOf | undefined;
}

/** The attributes of an event. `event.id` means the attribute even if the data has a column `id`. */
const ATTRIBUTES: readonly (readonly [name: string, type: ScalarName])[] = [
  ['key', 'text'],
  ['time', 'timestamptz'],
  ['source', 'text'],
  ['id', 'text'],
  ['type', 'text'],
];

/** Checks FROM: one stream or a join of two, and any number of unnested lists. */
export function checkFrom(base: Base, select: SelectStmt, inputs: Inputs): From {
  const items = (select.fromClause ?? []).flatMap((item) => flatten(base, item));
  const start = checkStart(base, items, inputs);
  let scope = start.columns;
  const unnests: Unnest[] = [];
  for (const item of items) {
    if (!('RangeFunction' in item)) continue;
    const unnest = checkUnnest(base, scope, { node: item.RangeFunction, index: unnests.length });
    unnests.push(unnest);
    scope = [...scope, ...unnest.columns];
  }
  return { ...start, columns: scope, unnests };
}

/** Tests whether FROM joins two inputs. */
export const hasJoin = ({ fromClause = [] }: SelectStmt): boolean =>
  fromClause.some(
    (item) => 'JoinExpr' in item && (item.JoinExpr.quals !== undefined || item.JoinExpr.usingClause !== undefined),
  );

/** Checks the stream, or the join, that FROM begins with. */
function checkStart(base: Base, items: readonly Node[], inputs: Inputs): Omit<From, 'unnests'> {
  const [start, second] = items.filter((item) => !('RangeFunction' in item));
  if (start === undefined)
    throw mistake(base, 'invalid', { offset: base.source.text.length, problem: 'FROM <stream> is missing' });
  if (second !== undefined) throw manyInputs(base, second);
  if (items[0] !== start)
    throw mistake(base, 'invalid', {
      offset: offsetOf(base, start),
      problem: 'FROM must start with the name of a stream',
    });
  if ('JoinExpr' in start) return checkJoined(base, start.JoinExpr, inputs);
  const stream = 'RangeVar' in start ? start.RangeVar : {};
  const offset = base.offsetOf(stream.location);
  if (stream.schemaname !== undefined)
    throw mistake(base, 'invalid', { offset, problem: 'FROM must start with the name of a stream' });
  const table = stream.alias?.aliasname ?? stream.relname ?? '';
  const columns = inputs.byName?.get(stream.relname ?? '') ?? inputs.columns;
  return {
    stream: stream.relname ?? '',
    offset,
    columns: [...dataColumns(columns, table), ...attributes()],
    on: [],
  };
}

function checkJoined(
  base: Base,
  node: JoinExpr,
  { byName, ofFiles, makesTable, within, asOf, keys = new Map() }: Inputs,
): Omit<From, 'unnests'> {
  if (byName === undefined)
    throw mistake(base, 'unsupported', {
      offset: offsetOf(base, node.rarg),
      problem: 'a join reads two inputs, and this statement has one',
      hint: ofFiles
        ? 'name the files of both: orders=orders.csv customers=customers.csv'
        : 'write it as a file in functions/joins, and name it under joins in the pipeline',
    });
  const of = ofFiles ? 'files' : makesTable ? 'tables' : 'streams';
  // A row of a table is made of many events, and that of two streams of two.
  const event = of === 'tables' || (of === 'streams' && within !== undefined) ? [] : attributes();
  const { rest, ...checked } = checkJoin(base, node, {
    inputs: byName,
    of,
    variableOf,
    attributes: event,
    within,
    asOf,
  });
  const foreign = of === 'tables' ? foreignKey(base, checked, keys) : undefined;
  if (of === 'streams') refuseKeys(base, keys);
  const join = foreign === undefined ? checked : { ...checked, foreign };
  const { left, right } = join;
  return { stream: left.name, offset: left.offset, columns: [...left.scope, ...right.scope, ...event], join, on: rest };
}

const manyInputs = (base: Base, second: Node): SqlMistake =>
  mistake(base, 'unsupported', {
    offset: offsetOf(base, second),
    problem: 'FROM takes one stream, a join of two, and lists to unnest',
    hint: 'to join two inputs, write FROM orders JOIN customers ON customers.id = orders.customer_id',
  });

/** Returns where an item of FROM begins: of a join, its second input. */
function offsetOf(base: Base, item: Node | undefined): number {
  if (item !== undefined && 'JoinExpr' in item) return offsetOf(base, item.JoinExpr.rarg);
  return base.offsetOf(item !== undefined && 'RangeVar' in item ? item.RangeVar.location : undefined);
}

/** Lists the items of FROM. `FROM a, b` and `FROM a CROSS JOIN b` mean the same. */
function flatten(base: Base, item: Node): readonly Node[] {
  if ('RangeVar' in item || 'RangeFunction' in item) return [item];
  if ('RangeSubselect' in item)
    throw mistake(base, 'unsupported', {
      offset: offsetOfKeyword(base.source, /\(\s*select/i),
      problem: 'subqueries are not supported yet',
    });
  if (!('JoinExpr' in item))
    throw mistake(base, 'unsupported', {
      offset: 0,
      problem: 'this form of FROM is not supported: use a stream and unnest(list)',
    });
  const { jointype, quals, isNatural, usingClause, larg, rarg } = item.JoinExpr;
  const parts = [larg, rarg].flatMap((part) => (part === undefined ? [] : flatten(base, part)));
  const plain = jointype === 'JOIN_INNER' && quals === undefined && isNatural !== true && usingClause === undefined;
  if (plain) return parts;
  const [first, second, third] = parts;
  if (first !== undefined && second !== undefined && third === undefined && 'RangeVar' in first && 'RangeVar' in second)
    return [item];
  const list = parts.find((part) => 'RangeFunction' in part);
  if (list !== undefined)
    throw mistake(base, 'unsupported', {
      offset: offsetOf(base, first),
      problem: 'a list cannot be joined with a condition',
      hint: 'to unnest a list, write FROM orders, unnest(items) AS item',
    });
  throw mistake(base, 'unsupported', {
    offset: offsetOf(base, parts.at(-1)),
    problem: 'a statement joins two inputs, not more',
    hint: 'join the result with the next input in another step',
  });
}

const dataColumns = (columns: readonly Column[], table: string): readonly ScopeColumn[] =>
  columns.map((column, i) => ({ ...column, table, origin: 'data', variable: variableOf(column.name, i) }));

const attributes = (): readonly ScopeColumn[] =>
  ATTRIBUTES.map(([name, type]) => ({
    name,
    type: scalar(type),
    nullable: false,
    table: 'event',
    origin: 'event',
    variable: `event${name.charAt(0).toUpperCase()}${name.slice(1)}`,
  }));

const RESERVED =
  /^(?:break|case|catch|class|const|continue|debugger|default|delete|do|else|enum|export|extends|false|finally|for|function|if|import|in|instanceof|new|null|return|super|switch|this|throw|true|try|typeof|var|void|while|with|yield|let|static|await|implements|interface|package|private|protected|public|arguments|eval|undefined|row|event|target|writer|z|a|b|c|d|item|handler|entry|from|to)$/;

/** Returns the variable for a column: its name in camel case if that is a valid name, otherwise a numbered one. */
function variableOf(name: string, index: number): string {
  const camel = name.replace(/_+([a-z0-9])/gi, (_, letter: string) => letter.toUpperCase());
  return /^[a-z][A-Za-z0-9]*$/.test(camel) && !RESERVED.test(camel) && !/^event[A-Z]/.test(camel)
    ? `${camel}$`
    : `column${index}$`;
}

function checkUnnest(
  base: Base,
  columns: readonly ScopeColumn[],
  { node, index }: { node: RangeFunction; index: number },
): Unnest {
  const [wrapped] = node.functions ?? [];
  const call = wrapped !== undefined && 'List' in wrapped ? wrapped.List.items?.[0] : undefined;
  if (call === undefined || !('FuncCall' in call))
    throw mistake(base, 'unsupported', { offset: 0, problem: 'FROM supports only a stream and unnest(list)' });
  const offset = base.offsetOf(call.FuncCall.location);
  const name = nameOf(call.FuncCall.funcname);
  const [argument, more] = call.FuncCall.args ?? [];
  if (name !== 'unnest' || argument === undefined || more !== undefined || (node.functions?.length ?? 0) > 1)
    throw mistake(base, 'unsupported', {
      offset,
      problem: `${name}(…) in FROM is not supported`,
      hint: 'FROM supports unnest(list) with one array, and no other function',
    });
  if (node.ordinality === true)
    throw mistake(base, 'unsupported', { offset, problem: 'WITH ORDINALITY is not supported' });
  const list = foldConstants(base.source, checkExpression({ ...base, columns }, argument));
  if (list.type.kind !== 'array')
    throw mistake(base, 'invalid', {
      offset: list.offset,
      problem: `unnest takes an array, not ${typeName(list.type)}`,
      hint: typeName(list.type) === 'jsonb' ? 'declare the list in the schema: z.array(…)' : undefined,
    });
  const alias = node.alias?.aliasname ?? name;
  const names = namesOf(node.alias?.colnames);
  const available = list.type.element.kind === 'record' ? list.type.element.fields.length : 1;
  if (names.length > available)
    throw mistake(base, 'invalid', {
      offset,
      problem: `"${alias}" has ${available} column${available === 1 ? '' : 's'}, but ${names.length} names are given`,
    });
  const variable = `item${index + 1}`;
  return {
    list,
    variable,
    columns: unnestedColumns(list.type.element, { alias, names, variable }),
  };
}

/** Returns the columns of an unnested list: one for each field if its elements are objects, otherwise one. */
function unnestedColumns(
  element: SqlType,
  { alias, names, variable }: { alias: string; names: readonly string[]; variable: string },
): readonly ScopeColumn[] {
  if (element.kind !== 'record')
    return [{ name: names[0] ?? alias, type: element, nullable: true, table: alias, origin: 'unnest', variable }];
  return element.fields.map((field, i) => ({
    name: names[i] ?? field.name,
    field: field.name,
    type: field.type,
    nullable: true,
    table: alias,
    origin: 'unnest',
    variable: `${variable}Field${i + 1}`,
  }));
}
