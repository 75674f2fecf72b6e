import type { Resolved } from './routine.ts';
import type { SqlType } from './sql-type.ts';

/** An expression whose names, types and routines are resolved. */
export type Checked = CheckedNode & {
  readonly type: SqlType;
  readonly nullable: boolean;
  /** The offset in the source text at which the expression starts. */
  readonly offset: number;
};

export type BooleanTest = 'null' | 'not null' | 'true' | 'not true' | 'false' | 'not false';

type CheckedNode =
  /** A literal in the text form of its type; null is SQL's null. */
  | { readonly kind: 'constant'; readonly text: string | null }
  | { readonly kind: 'column'; readonly column: ScopeColumn }
  | { readonly kind: 'call'; readonly resolved: Resolved; readonly args: readonly Checked[] }
  | { readonly kind: 'cast'; readonly code: string; readonly arg: Checked }
  | { readonly kind: 'logic'; readonly operator: 'and' | 'or'; readonly args: readonly Checked[] }
  | { readonly kind: 'not'; readonly arg: Checked }
  | { readonly kind: 'test'; readonly test: BooleanTest; readonly arg: Checked }
  | { readonly kind: 'case'; readonly branches: readonly Branch[]; readonly otherwise: Checked }
  | { readonly kind: 'coalesce'; readonly args: readonly Checked[] }
  | {
      readonly kind: 'distinct';
      readonly negated: boolean;
      readonly equal: Resolved;
      readonly args: readonly [Checked, Checked];
    }
  | { readonly kind: 'nullif'; readonly equal: Resolved; readonly args: readonly [Checked, Checked] }
  | { readonly kind: 'extreme'; readonly sign: 1 | -1; readonly args: readonly Checked[] }
  | {
      readonly kind: 'quantified';
      readonly every: boolean;
      readonly test: Resolved;
      readonly left: Checked;
      readonly right: Checked;
    }
  | { readonly kind: 'array'; readonly elements: readonly Checked[] }
  | { readonly kind: 'element'; readonly array: Checked; readonly index: Checked }
  | {
      readonly kind: 'slice';
      readonly array: Checked;
      readonly from: Checked | undefined;
      readonly to: Checked | undefined;
    }
  | { readonly kind: 'field'; readonly record: Checked; readonly field: string };

export interface Branch {
  readonly when: Checked;
  readonly result: Checked;
}

/** A column that expressions can name. */
export interface ScopeColumn {
  readonly name: string;
  readonly type: SqlType;
  readonly nullable: boolean;
  /** The name or alias in FROM; `event` for the event attributes. */
  readonly table: string;
  /**
   * Where the value comes from: the event's data, its attributes, an unnested list, or a group (its key, or the result
   * of an aggregate).
   */
  readonly origin: 'data' | 'event' | 'unnest' | 'group';
  /** The field's name in an unnested object; FROM may rename the column. */
  readonly field?: string;
  /** The name of its variable in generated code. */
  readonly variable: string;
  /** The place in USING of a column that USING names: `*` begins with these columns, in that order. */
  readonly using?: number;
  /** True for a column that USING names, of the side that `*` and a name without its table do not mean. */
  readonly isMerged?: true;
}

/** Returns every column that an expression reads, each once. */
export function columnsOf(expression: Checked): readonly ScopeColumn[] {
  if (expression.kind === 'column') return [expression.column];
  return [...new Set(children(expression).flatMap(columnsOf))];
}

export function children(expression: Checked): readonly Checked[] {
  switch (expression.kind) {
    case 'constant':
    case 'column':
      return [];
    case 'cast':
    case 'not':
    case 'test':
      return [expression.arg];
    case 'case':
      return [...expression.branches.flatMap(({ when, result }) => [when, result]), expression.otherwise];
    case 'quantified':
      return [expression.left, expression.right];
    case 'array':
      return expression.elements;
    case 'element':
      return [expression.array, expression.index];
    case 'slice':
      return [expression.array, expression.from, expression.to].filter((part) => part !== undefined);
    case 'field':
      return [expression.record];
    default:
      return expression.args;
  }
}

/** Returns the expression with each of its parts replaced. */
export function withChildren(expression: Checked, replace: (part: Checked) => Checked): Checked {
  switch (expression.kind) {
    case 'constant':
    case 'column':
      return expression;
    case 'cast':
    case 'not':
    case 'test':
      return { ...expression, arg: replace(expression.arg) };
    case 'case':
      return {
        ...expression,
        branches: expression.branches.map(({ when, result }) => ({ when: replace(when), result: replace(result) })),
        otherwise: replace(expression.otherwise),
      };
    case 'quantified':
      return { ...expression, left: replace(expression.left), right: replace(expression.right) };
    case 'array':
      return { ...expression, elements: expression.elements.map(replace) };
    case 'element':
      return { ...expression, array: replace(expression.array), index: replace(expression.index) };
    case 'slice': {
      const [from, to] = [expression.from, expression.to].map((part) => (part === undefined ? part : replace(part)));
      return { ...expression, array: replace(expression.array), from, to };
    }
    case 'field':
      return { ...expression, record: replace(expression.record) };
    case 'distinct':
    case 'nullif':
      return { ...expression, args: [replace(expression.args[0]), replace(expression.args[1])] };
    default:
      return { ...expression, args: expression.args.map(replace) };
  }
}

/** Tests whether two expressions are written alike, wherever they are. */
export function isSameExpression(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  const [keys, others] = [Object.keys(a), Object.keys(b)].map((names) => names.filter((name) => name !== 'offset'));
  return (
    keys?.length === others?.length &&
    (keys ?? []).every((key) =>
      isSameExpression((a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key]),
    )
  );
}
