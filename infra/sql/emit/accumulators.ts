import { factsOf } from '../catalog/type-facts.ts';
import type { Checked } from '../plan/checked.ts';
import { isSameExpression } from '../plan/checked.ts';
import type { AggregateCall, FirstRow, SortKey } from '../plan/grouping.ts';
import type { SqlType } from '../plan/sql-type.ts';
import { TEXT } from '../plan/sql-type.ts';
import type { ModuleCode } from './module-code.ts';
import { cast, constant, expand } from './module-code.ts';

/** Returns the name of the constant that is the accumulator of an aggregate. */
export function accumulatorCode(module: ModuleCode, call: AggregateCall): string {
  const { resolved, args, isDistinct, sortKeys } = call;
  // latest(value, place) compares places; all others compare their first argument.
  const compared = resolved.parameters[resolved.routine.parameters[1]?.kind === 'polymorphic' ? 1 : 0];
  const { compare } = factsOf(compared ?? TEXT);
  const inner = expand(module, resolved.routine.code.replaceAll('<compare>', compare));
  if (!isDistinct && sortKeys.length === 0) return constant(module, inner, 'accumulator');
  const collected = expand(module, '{aggregates/collected/collected}');
  const fact = (type: SqlType, name: 'identity' | 'toText' | 'fromText'): string => expand(module, factsOf(type)[name]);
  const types = [...args, ...(isDistinct ? [] : sortKeys.map(({ expression }) => expression))].map(({ type }) => type);
  const distinct = isDistinct ? `[${args.map(({ type }) => fact(type, 'identity')).join(', ')}]` : 'undefined';
  const texts = types.map((type) => `[${fact(type, 'toText')}, ${fact(type, 'fromText')}]`).join(', ');
  const sorting = sortingCode(module, isDistinct ? distinctOrder(args, sortKeys) : afterArguments(args, sortKeys));
  const code = `${collected}(${cast(module, inner, 'never')}, { args: ${args.length}, distinct: ${distinct}, sorting: ${sorting}, texts: [${texts}] })`;
  return constant(module, code, 'accumulator');
}

/** Returns the name of the constant that keeps the row of DISTINCT ON. */
export function firstRowCode(module: ModuleCode, { values, sortKeys }: FirstRow): string {
  const sorting = sortKeys.map((key) => ({
    ...key,
    index: values.findIndex(({ expression }) => isSameExpression(expression, key.expression)),
  }));
  const code = `${expand(module, '{aggregates/first-row/firstRow}')}(${sortingCode(module, sorting)})`;
  return constant(module, code, 'accumulator');
}

export interface IndexedSortKey extends SortKey {
  /** The index of its value. */
  readonly index: number;
}

const afterArguments = (args: readonly Checked[], sortKeys: readonly SortKey[]): readonly IndexedSortKey[] =>
  sortKeys.map((key, i) => ({ ...key, index: args.length + i }));

/** Returns the order in which DISTINCT gives the rows: that of ORDER BY, then that of the arguments. */
function distinctOrder(args: readonly Checked[], sortKeys: readonly SortKey[]): readonly IndexedSortKey[] {
  const first = sortKeys.map((key) => ({
    ...key,
    index: args.findIndex((arg) => isSameExpression(arg, key.expression)),
  }));
  const rest = args.flatMap((expression, index) =>
    first.some((key) => key.index === index) ? [] : [{ expression, isDescending: false, nullsFirst: false, index }],
  );
  return [...first, ...rest];
}

export function sortingCode(module: ModuleCode, keys: readonly IndexedSortKey[]): string {
  const items = keys.map(({ expression, isDescending, nullsFirst, index }) => {
    const compare = expand(module, factsOf(expression.type).compare);
    return `{ index: ${index}, compare: ${compare}, isDescending: ${isDescending}, nullsFirst: ${nullsFirst} }`;
  });
  return `[${items.join(', ')}]`;
}
