import type { Node, RangeFunction, SelectStmt } from 'libpg-query';
import type { ScopeColumn } from '../plan/checked.ts';
import type { Unnest } from '../plan/plan.ts';
import type { Column, ScalarName, SqlType } from '../plan/sql-type.ts';
import { scalar, typeName } from '../plan/sql-type.ts';
import { nameOf, namesOf } from '../syntax/parse-nodes.ts';
import type { CheckContext } from './context.ts';
import { mistake } from './context.ts';
import { checkExpression } from './expression.ts';
import { foldConstants } from './fold.ts';

type Base = Omit<CheckContext, 'check' | 'columns'>;

export interface From {
  readonly stream: string;
  readonly offset: number;
  readonly columns: readonly ScopeColumn[];
  readonly unnests: readonly Unnest[];
}

/** The attributes of an event. `event.id` means the attribute even if the data has a column `id`. */
const ATTRIBUTES: readonly (readonly [name: string, type: ScalarName])[] = [
  ['key', 'text'],
  ['time', 'timestamptz'],
  ['source', 'text'],
  ['id', 'text'],
  ['type', 'text'],
];

/** Checks FROM: one stream, and any number of unnested lists. */
export function checkFrom(base: Base, select: SelectStmt, columns: readonly Column[]): From {
  const items = (select.fromClause ?? []).flatMap((item) => flatten(base, item));
  const streams = items.flatMap((item) => ('RangeVar' in item ? [item.RangeVar] : []));
  const [stream, second] = streams;
  if (stream === undefined)
    throw mistake(base, 'invalid', { offset: base.source.text.length, problem: 'FROM <stream> is missing' });
  const offset = base.offsetOf(stream.location);
  if (second !== undefined)
    throw mistake(base, 'unsupported', {
      offset: base.offsetOf(second.location),
      problem: 'joins are not supported yet',
      hint: 'FROM takes one stream, and lists to unnest',
    });
  if (items[0] === undefined || !('RangeVar' in items[0]) || stream.schemaname !== undefined)
    throw mistake(base, 'invalid', { offset, problem: 'FROM must start with the name of a stream' });
  const table = stream.alias?.aliasname ?? stream.relname ?? '';
  let scope: readonly ScopeColumn[] = [...dataColumns(columns, table), ...attributes()];
  const unnests: Unnest[] = [];
  for (const item of items) {
    if (!('RangeFunction' in item)) continue;
    const unnest = checkUnnest(base, scope, { node: item.RangeFunction, index: unnests.length });
    unnests.push(unnest);
    scope = [...scope, ...unnest.columns];
  }
  return { stream: stream.relname ?? '', offset, columns: scope, unnests };
}

/** Lists the items of FROM. `FROM a, b` and `FROM a CROSS JOIN b` mean the same. */
function flatten(base: Base, item: Node): readonly Node[] {
  if ('RangeVar' in item || 'RangeFunction' in item) return [item];
  if ('RangeSubselect' in item)
    throw mistake(base, 'unsupported', {
      offset: base.source.text.search(/\(\s*select/i),
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
  const named = parts.flatMap((part) => ('RangeVar' in part ? [part.RangeVar.location] : []));
  throw mistake(base, 'unsupported', {
    offset: base.offsetOf(named.at(-1)),
    problem: 'joins are not supported yet',
    hint: 'to unnest a list, write FROM orders, unnest(items) AS item',
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
