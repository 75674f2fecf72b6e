import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { z } from 'zod';
import { wrapProse } from '../wrap-prose.ts';
import { CHAPTERS } from './catalog/functions.ts';
import { OPERATORS } from './catalog/operators.ts';
import { planFor } from './compile.ts';
import { evaluateConstant } from './emit/evaluate.ts';
import type { Routine } from './plan/routine.ts';
import { parameterText, signatureText } from './plan/routine.ts';
import { SUPPORTED_TYPES } from './plan/sql-type.ts';

const INTRODUCTION = `<!-- Written by \`node infra/sql/reference.ts\`. Tests compare this page with that, and every example with Postgres. -->

# SQL transforms

One \`.sql\` file is one transform, in Postgres's SQL: parsed by Postgres's own parser, checked by its rules, compared with a real Postgres 18 on random expressions and statements in every test run, and compiled to a TypeScript module that stands beside it.

\`\`\`sql
-- schema: ./order-events.ts#Order
CREATE STREAM completed AS
SELECT order_id, sales, round(sales * 1.21, 2) AS gross
FROM orders
WHERE status = 'COMPLETE'
PARTITION BY order_id
\`\`\`

\`npm run sql:compile\` writes \`completed-orders.sql.ts\` beside \`completed-orders.sql\`. It exports the transform (\`completedOrders\`), whose \`to\` is the schema of what it makes, and the handler. Commit it; \`npm test\` fails when it is stale. A pipeline names it, and may take its schema:

\`\`\`ts
streams: { orders: { schema: Order }, completed: { schema: completedOrders.to } },
transforms: { 'completed-orders': { from: 'orders', apply: completedOrders, to: 'completed' } },
\`\`\`

FROM and CREATE STREAM name the step's \`from\` and \`to\`: others do not compile. A column that is only copied has the schema that the input gives it; one that is computed has its type's. WHERE counts: \`WHERE total > 0\` leaves no null in \`total\`.

A line or two can stand in the pipeline itself, \`apply: sql("SELECT id, total FROM orders WHERE status = 'PAID'")\` (\`infra/pipelines/inline-sql.ts\`). What it makes must fit the schema of the stream that it is written to; \`cdk synth\`, \`npm run dev\` and a test of the pipeline refuse it otherwise, with line and column. Several steps may write to one stream.

\`npx millrace sql '<statement>' [files…|-]\` tries a statement on lines of JSON or CSV (whose columns are of the types that \`--schema\` says, or that the first lines look like), \`npx millrace sql explain <file.sql>\` shows the plan, its costs and the code, and \`npx millrace tail <pipeline> <stream> --where '<condition>'\` filters by what could stand behind WHERE.

## The statement

\`SELECT … FROM <stream> [, unnest(list) AS item] [WHERE …]\`, alone or behind \`CREATE STREAM <name> AS\`, and \`PARTITION BY <expression>\` at the end, which chooses the key of what is written. Without it the key stays the input's.

- The first line, \`-- schema: <module>#<export>\`, names the zod schema of the stream that is read. Its fields are the columns.
- An event's own \`key\`, \`time\`, \`source\`, \`id\` and \`type\` are columns too. Where the data has one of that name, the data's comes first and \`event.id\` names the event's.
- A declared object's fields are \`(address).city\`; of jsonb, \`payload -> 'a' ->> 'b'\`. Lists are \`tags[1]\`, \`'x' = ANY(tags)\` and \`unnest\` in FROM, which gives one output for each element; a list of objects gives their fields as columns.
- An event that WHERE refuses is dropped, whatever its other columns hold; of one that is kept, the columns that are read have to fit.
- Joins, aggregates, windows, DISTINCT, ORDER BY, LIMIT and subqueries are refused.

## Types

${SUPPORTED_TYPES}. \`interval\` and \`bytea\` live inside of expressions.

| zod | SQL |
|---|---|
| \`z.string()\`, \`z.enum(…)\` | text |
| \`z.number()\` | numeric: exact, also beyond 2^53 |
| \`z.int32()\`, \`z.int()\`, \`z.float64()\` | integer, bigint, double precision |
| \`z.boolean()\` | boolean |
| \`z.uuid()\`, \`z.iso.date()\`, \`z.iso.datetime()\` | uuid, date, timestamptz |
| \`z.array(…)\` | an array of its element's type |
| \`z.object({ … })\` | an object with fields |
| anything else | jsonb |
| \`.meta({ sql: 'timestamp' })\` | the type that it names |
| \`z.unknown().optional().meta({ sql: 'numeric not null' })\` | what it should be: another value, or none, is kept in the stream and refused by the SQL that reads it |

A column may be null when its schema is nullable or optional. What is computed is never null where Postgres's could not be.

## What is Postgres's, and what is not

- Three-valued logic, integer overflow and division, numeric's scales, NaN and infinities, implicit casts and the choice of operators and functions are Postgres's.
- The collation is "C": text is ordered by code point, and only ASCII letters have a case.
- The time zone is UTC, always; AT TIME ZONE takes UTC alone. Dates and times are read in ISO 8601; Postgres's other spellings are errors.
- \`to_char\` knows the fields of a date and time, \`FM\` and quoted text; \`to_date\` and \`to_timestamp\` take a text that is written exactly as the format says, where Postgres would guess. Numbers are written by \`round\`, \`::text\` and \`lpad\`.
- Functions of double precision that are not exact (\`sin\`, \`exp\`, \`power\`, …) are within one unit in the last place. \`cbrt\`, and \`log\` of double precision, are refused, because C's own libraries differ by more: \`log\` of numeric is exact to its last digit.
- Regular expressions are those in which Postgres and JavaScript agree. Where only a yes or no is asked (\`~\`, regexp_like) that includes alternatives and groups; where the match itself matters, a quantified group, an alternative or a lazy quantifier is refused. Look-around and back references are refused.
- Arrays have one dimension.
- Declared objects, and lists of them, are neither compared nor written as text: their fields are. \`to_jsonb\` makes jsonb of them.
- Columns that are passed on unchanged are copied as their bytes; lists, objects and jsonb among them are not looked into.
- What changes from call to call (\`now()\`, \`random()\`) is refused: \`time\` is the event's time.
- An error in one event rejects that event, with the place of the expression; others go on. A double precision or numeric of NaN or infinity cannot be written as JSON and is such an error.
`;

/** docs/sql.md: every operator and function with an example and its result. */
export async function referencePage(): Promise<string> {
  const operators = await tableOf(OPERATORS, operatorText);
  const chapters = await Promise.all(
    CHAPTERS.map(async ({ title, routines }) => `### ${title}\n\n${await tableOf(routines, functionText)}`),
  );
  const conditions =
    '`AND OR NOT`, `CASE`, `COALESCE`, `NULLIF`, `GREATEST`, `LEAST`, `IN`, `BETWEEN [SYMMETRIC]`, `IS [NOT] NULL | TRUE | FALSE | UNKNOWN | DISTINCT FROM`, `op ANY | ALL (array)`, `CAST(x AS type)`, `x::type`, `numeric(precision, scale)`, `ARRAY[…]`, `array[i]`, `array[from:to]`';
  return wrapProse(
    `${INTRODUCTION}\n## Conditions and forms\n\n${conditions}\n\n## Operators\n\n${operators}\n\n## Functions\n\n${chapters.join('\n\n')}\n`,
  );
}

async function tableOf(routines: readonly Routine[], textOf: (routine: Routine) => string): Promise<string> {
  const rows = await Promise.all(
    routines.map(async (routine) => [
      textOf(routine),
      routine.meaning,
      code(routine.example),
      code(await resultOf(routine.example)),
    ]),
  );
  return ['| | | example | gives |', '|---|---|---|---|', ...rows.map((row) => `| ${row.join(' | ')} |`)].join('\n');
}

const code = (text: string): string => `\`${text.replaceAll('|', '\\|').replaceAll('\n', '⏎').replaceAll('`', "'")}\``;
const functionText = (routine: Routine): string =>
  code(`${signatureText(routine.name, routine.parameters)} → ${parameterText(routine.returns)}`);

function operatorText({ name, parameters, returns }: Routine): string {
  const types = parameters.map(parameterText);
  return code(`${types.length === 1 ? `${name} ${types[0]}` : types.join(` ${name} `)} → ${parameterText(returns)}`);
}

async function resultOf(example: string): Promise<string> {
  const plan = await planFor(
    { file: 'example', text: `SELECT (${example})::text AS value FROM examples` },
    z.object({}),
  );
  const [output] = plan.outputs;
  if (output === undefined) throw new Error(`no output: ${example}`);
  const { text } = evaluateConstant(output.expression);
  return text ?? 'null';
}

if (import.meta.main) writeFileSync(resolve(import.meta.dirname, '../../docs/sql.md'), await referencePage());
