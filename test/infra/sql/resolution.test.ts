import { afterAll, beforeAll, expect, test } from 'vitest';
import { FUNCTIONS } from '../../../infra/sql/catalog/functions.ts';
import { OPERATORS } from '../../../infra/sql/catalog/operators.ts';
import type { Routine } from '../../../infra/sql/plan/routine.ts';
import { SqlMistake } from '../../../infra/sql/syntax/source-position.ts';
import { compileExpression } from './compiled-expression.ts';
import type { Oracle } from './oracle.ts';
import { startOracle } from './oracle.ts';
import { postgresTypeName } from './same-value.ts';
import { TYPE_NAMES } from './type-names.ts';

let oracle: Oracle;
beforeAll(async () => {
  oracle = await startOracle();
});
afterAll(() => oracle.stop());

const VALUES = [...TYPE_NAMES.map((type) => `null::${type}`), 'null', "'1'"];
const pairs = VALUES.flatMap((a) => VALUES.map((b) => [a, b] as const));

/**
 * Functions left out: ksqlDB's masks, which Postgres does not have, and functions that SQL calls with a special syntax.
 */
const SPELT: ReadonlySet<string> = new Set([
  'mask',
  'mask_left',
  'mask_right',
  'mask_keep_left',
  'mask_keep_right',
  'like_escape',
  'position',
  'extract',
  'timezone',
  'overlay',
]);

const takes = (routines: readonly Routine[], name: string, count: number): boolean =>
  routines.some((routine) => routine.name === name && routine.parameters.length === count);

const operators = [...new Set(OPERATORS.map(({ name }) => name))].flatMap((name) => [
  ...(takes(OPERATORS, name, 1) ? VALUES.map((a) => `${name} ${a}`) : []),
  ...(takes(OPERATORS, name, 2) ? pairs.map(([a, b]) => `${a} ${name} ${b}`) : []),
]);
const functions = [...new Set(FUNCTIONS.map(({ name }) => name))]
  .filter((name) => !SPELT.has(name))
  .flatMap((name) => [
    ...(takes(FUNCTIONS, name, 1) ? VALUES.map((a) => `${name}(${a})`) : []),
    ...(takes(FUNCTIONS, name, 2) ? pairs.map(([a, b]) => `${name}(${a}, ${b})`) : []),
  ]);
const conditions = pairs.flatMap(([a, b]) => [
  `coalesce(${a}, ${b})`,
  `nullif(${a}, ${b})`,
  `greatest(${a}, ${b})`,
  `${a} in (${b}, ${b})`,
  `${a} = any(${b})`,
  `${a} is distinct from ${b}`,
  `array[${a}, ${b}]`,
  `case when true then ${a} else ${b} end`,
]);
const casts = VALUES.flatMap((value) => TYPE_NAMES.map((type) => `(${value})::${type}`));

test.each([
  ['operators', operators],
  ['functions of one and two arguments', functions],
  ['CASE, IN, COALESCE and their like', conditions],
  ['casts', casts],
])('%s take and return the same types as in Postgres, for every pair of types', async (_, expressions) => {
  const postgres = await oracle.attempt(expressions.map((expression) => `select pg_typeof(${expression})`));
  const different: string[] = [];
  for (const [i, expression] of expressions.entries()) {
    const theirs = postgres[i]?.code == null ? postgresTypeName(postgres[i]?.value ?? '') : 'rejected';
    const ours = await typeOf(expression);
    if (ours !== 'unsupported' && ours !== theirs) different.push(`${expression}: ${ours}, Postgres: ${theirs}`);
  }
  expect(different).toEqual([]);
});

/** Returns the type of an expression. `unsupported`: the expression may be valid in Postgres. */
async function typeOf(expression: string): Promise<string> {
  try {
    const compiled = await compileExpression(expression, []);
    return compiled.evaluate([]).error === undefined ? compiled.type : 'rejected';
  } catch (error) {
    if (!(error instanceof SqlMistake)) throw error;
    return error.kind === 'unsupported' ? 'unsupported' : 'rejected';
  }
}
