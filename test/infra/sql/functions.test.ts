import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FUNCTIONS } from '../../../infra/sql/catalog/functions.ts';
import { OPERATORS } from '../../../infra/sql/catalog/operators.ts';
import { signatureText } from '../../../infra/sql/plan/routine.ts';
import { compileExpression } from './compiled-expression.ts';
import type { Oracle } from './oracle.ts';
import { startOracle } from './oracle.ts';
import { postgresTypeName, sameOutcome } from './same-value.ts';

let oracle: Oracle;
beforeAll(async () => {
  oracle = await startOracle();
});
afterAll(() => oracle.stop());

const rows = [...OPERATORS, ...FUNCTIONS].map(
  (routine) => [signatureText(routine.name, routine.parameters), routine.example] as const,
);

describe('every function and operator has the same result as in Postgres', () => {
  test.each(rows)('%s: %s', async (_signature, example) => {
    const [[expected], [type]] = await Promise.all([
      oracle.attempt([`select (${example})::text`]),
      oracle.attempt([`select pg_typeof(${example})::text`]),
    ]);
    expect(expected?.message ?? null).toBeNull();
    const compiled = await compileExpression(example, []);
    const ours = compiled.evaluate([]);
    const same = expected !== undefined && sameOutcome(ours, expected, compiled.type);
    expect(same ? expected?.value : (ours.error ?? ours.value)).toBe(expected?.value);
    expect(compiled.type).toBe(postgresTypeName(type?.value ?? ''));
  });
});

/** Powers near the smallest numeric, which has at most 1000 decimals. */
const SMALL_POWERS = ['0.1', '0.5', '0.99', '2.0', '10.0', '123.456'].flatMap((base) =>
  ['400.5', '999.5', '1000.5', '1096.6331584284585', '2525.1', '2990.25'].map(
    (exponent) => `${base} ^ ${Number(base) < 1 ? '' : '-'}${exponent}`,
  ),
);

test.each(SMALL_POWERS)('%s is as small as in Postgres', async (expression) => {
  const [expected] = await oracle.attempt([`select ${expression}`]);
  expect((await compileExpression(expression, [])).evaluate([])).toEqual({ value: expected?.value });
});

/** Powers that are a tie but for digits beyond the decimals that Postgres keeps in intermediate results. */
const NEAR_TIES = [1, 7, 12, 21, 30].flatMap((decimals) => {
  const nines = `0.${'9'.repeat(decimals)}`;
  const above = `1.${'0'.repeat(decimals - 1)}1`;
  return [nines, above].flatMap((base) => ['0.5', '2.5', '-1.5', '100.5'].map((exponent) => `${base} ^ ${exponent}`));
});

test.each(NEAR_TIES)('%s is rounded as in Postgres', async (expression) => {
  const [expected] = await oracle.attempt([`select ${expression}`]);
  expect((await compileExpression(expression, [])).evaluate([])).toEqual({ value: expected?.value });
});

test('an argument that coalesce never reaches is not evaluated, even after a constant array', async () => {
  const expression = `coalesce(ARRAY['7'::numeric, '1'::numeric], trim_array('{NULL}'::numeric[], 3))`;
  const [expected] = await oracle.attempt([`select (${expression})::text`]);
  expect(expected).toMatchObject({ code: null, value: '{7,1}' });
  expect((await compileExpression(expression, [])).evaluate([])).toEqual({ value: expected?.value });
});

test('a null array whose conversion depends on the session is converted at run time, so its comparison is evaluated', async () => {
  const expression = `((null::timestamptz[])::text[])[2] < regexp_substr(array_to_string('{abc}'::text[], ''), '[a-c]+', 3, 0, '')`;
  const [expected] = await oracle.attempt([`select (${expression})::text`]);
  expect(expected?.message).toBe('invalid value for parameter "n": 0');
  expect((await compileExpression(expression, [])).evaluate([]).error).toContain('"n": 0');
});
