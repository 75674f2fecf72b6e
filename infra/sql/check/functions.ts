import type { FuncCall, Node } from 'libpg-query';
import { AGGREGATES, FUNCTIONS, NAMED_ARGUMENTS, VOLATILE } from '../catalog/functions.ts';
import { OTHER_FUNCTIONS } from '../catalog/other-dialects.ts';
import { UNSUPPORTED } from '../catalog/unsupported.ts';
import type { Checked } from '../plan/checked.ts';
import { signatureText } from '../plan/routine.ts';
import { nameOf } from '../syntax/parse-nodes.ts';
import { suggest } from '../syntax/suggest.ts';
import type { CheckContext } from './context.ts';
import { mistake } from './context.ts';
import { call, supported } from './operators.ts';
import { resolve } from './resolve.ts';

const SET_RETURNING: ReadonlySet<string> = new Set([
  'unnest',
  'generate_series',
  'jsonb_array_elements',
  'jsonb_array_elements_text',
  'jsonb_each',
  'jsonb_each_text',
  'jsonb_object_keys',
  'regexp_matches',
  'regexp_split_to_table',
  'string_to_table',
]);

export function checkFunction(context: CheckContext, node: FuncCall): Checked {
  const name = nameOf(node.funcname);
  const offset = context.offsetOf(node.location);
  if (isAggregate(node) && context.aggregate !== undefined) return context.aggregate(context, node);
  rejectUnsupportedForms(context, node, name);
  const candidates = [...FUNCTIONS, ...UNSUPPORTED].filter((routine) => routine.name === name);
  if (candidates.length === 0)
    throw mistake(context, 'unsupported', {
      offset,
      problem: `${node.funcformat === 'COERCE_SQL_SYNTAX' && SYNTAX[name] !== undefined ? SYNTAX[name] : `function ${name}`} is not supported`,
      hint: OTHER_FUNCTIONS.get(name) ?? suggestedFunction(name),
    });
  const args = argumentsOf(context, node, name).map(context.check);
  const resolution = resolve(
    candidates,
    args.map(({ type }) => type),
  );
  if (name === 'jsonb_build_object' && args.length % 2 === 1)
    throw mistake(context, 'invalid', {
      offset,
      problem: 'jsonb_build_object takes keys and values in turn: the last key has no value',
    });
  if (typeof resolution === 'object') return { ...call(context, supported(context, resolution, offset), args), offset };
  const written = signatureText(
    (node.funcformat === 'COERCE_SQL_SYNTAX' ? SYNTAX[name] : undefined) ?? name,
    args.map(({ type }) => type),
  );
  const supportedOnes = candidates.filter(({ unsupported }) => !unsupported);
  const takes = supportedOnes.map((routine) => signatureText(name, routine.parameters)).join(', ');
  const problem = resolution === 'none' ? `function ${written} does not exist` : `function ${written} is not unique`;
  throw mistake(context, 'invalid', {
    offset,
    problem,
    hint: `the supported forms are ${takes}; cast the arguments to match one`,
  });
}

/** Tests for a call of an aggregate that is no window function. */
export const isAggregate = (node: FuncCall): boolean =>
  AGGREGATES.has(nameOf(node.funcname)) && node.over === undefined;

/** What people write for functions that Postgres's grammar calls by another name. */
const SYNTAX: Readonly<Record<string, string>> = {
  btrim: 'trim',
  ltrim: 'trim',
  rtrim: 'trim',
  timezone: 'AT TIME ZONE',
  is_normalized: 'IS NORMALIZED',
  like_escape: 'LIKE … ESCAPE',
  similar_to_escape: 'SIMILAR TO … ESCAPE',
  pg_collation_for: 'COLLATION FOR',
  xmlexists: 'XMLEXISTS',
};

function suggestedFunction(name: string): string {
  const near = suggest(
    name,
    FUNCTIONS.map((routine) => routine.name),
  );
  return near === undefined ? 'docs/sql.md lists the functions' : `did you mean ${near}?`;
}

/** Throws for forms of a call that are not supported, such as aggregates, window functions and VARIADIC. */
function rejectUnsupportedForms(context: CheckContext, node: FuncCall, name: string): void {
  const offset = context.offsetOf(node.location);
  const unsupported = (problem: string, hint?: string): never => {
    throw mistake(context, 'unsupported', { offset, problem, hint });
  };
  if (node.over !== undefined) unsupported(`${name}(…) OVER: window functions are not supported yet`);
  if (AGGREGATES.has(name))
    unsupported(
      `${name} is an aggregate: a transform sees one event at a time`,
      'write CREATE TABLE … AS SELECT … GROUP BY in functions/tables',
    );
  const alternative = VOLATILE.get(name);
  if (alternative !== undefined)
    unsupported(`${name}() is volatile: its result changes from call to call`, alternative);
  if (SET_RETURNING.has(name))
    unsupported(
      `${name} returns several rows, which is not supported here`,
      'to unnest a list, write FROM orders, unnest(items) AS item',
    );
  if (node.agg_star || node.agg_distinct || node.agg_filter !== undefined || node.agg_order !== undefined)
    unsupported(`${name} is not an aggregate: it takes no *, DISTINCT, FILTER and ORDER BY`);
  if (node.func_variadic) unsupported('VARIADIC is not supported', 'write the arguments one by one');
  if (!NAMED_ARGUMENTS.has(name) && !OTHER_FUNCTIONS.has(name) && node.args?.some((arg) => 'NamedArgExpr' in arg))
    unsupported('named arguments are not supported', 'write the arguments in order, without names');
}

/** Returns the arguments of a call in the order of the function's parameters, also where the call names them. */
function argumentsOf(context: CheckContext, node: FuncCall, name: string): readonly Node[] {
  const args: Node[] = [...(node.args ?? [])];
  const names = NAMED_ARGUMENTS.get(name) ?? [];
  const inOrder: Node[] = [];
  for (const [i, arg] of args.entries()) {
    if (!('NamedArgExpr' in arg)) {
      inOrder[i] = arg;
      continue;
    }
    const { arg: value, name: argument = '', location } = arg.NamedArgExpr;
    const index = names.indexOf(argument);
    if (index === -1 || inOrder[index] !== undefined || value === undefined)
      throw mistake(context, 'invalid', {
        offset: context.offsetOf(location),
        problem:
          index === -1 ? `${name} has no argument "${argument}"` : `${name} is given the argument "${argument}" twice`,
        hint: `its arguments are ${names.join(', ')}`,
      });
    inOrder[index] = value;
  }
  return Array.from(inOrder, (arg) => arg ?? { A_Const: { ival: { ival: 0 } } });
}
