import { UserMistake } from '../../functions/runtime/errors.ts';
import { sqlTransform } from '../../functions/runtime/sql/sql-transform.ts';
import type { Transform } from '../../functions/runtime/transform.ts';
import type { InlineStatement } from '../pipelines/inline-sql.ts';
import { checkStream } from './check/stream.ts';
import { planFor } from './compile.ts';
import { typescriptModule } from './emit/module-code.ts';
import { importLines } from './emit/module-text.ts';
import { statementCode } from './emit/statement.ts';
import { statementOf } from './emit/statement-of.ts';
import type { Plan } from './plan/plan.ts';
import { SqlMistake } from './syntax/source-position.ts';

/**
 * Checks a statement that is written in a pipeline against the schemas of both its streams. Throws a `UserMistake` with
 * line, column and caret.
 */
export async function planInline({ name, text, from, to }: InlineStatement): Promise<Plan> {
  try {
    const plan = await planFor({ file: name, text }, from.schema, { from: from.name, to: to.name });
    checkStream(plan, from, to);
    return plan;
  } catch (error) {
    throw error instanceof SqlMistake ? new UserMistake(error.message) : error;
  }
}

/**
 * Returns the entry module of the statement's bundle. The module exports `handler` and imports only from functions/,
 * with paths relative to the root of the repository.
 */
export async function inlineModule(statement: InlineStatement): Promise<string> {
  const plan = await planInline(statement);
  const module = typescriptModule();
  const body = statementCode(module, plan);
  return [
    ...importLines(module, './functions/runtime'),
    "import { runnerOf } from './functions/runtime/sql/sql-transform.ts';",
    "import { transformHandler } from './functions/runtime/transform-handler.ts';",
    ...[...module.constants].map(([code, constant]) => `const ${constant} = ${code};`),
    `export const handler = transformHandler({ run: runnerOf({ file: ${JSON.stringify(statement.name)},`,
    body,
    '}) });',
    '',
  ].join('\n');
}

/** Makes the statement a transform that runs in this process. */
export async function inlineTransform(statement: InlineStatement): Promise<Transform> {
  const { name, from, to } = statement;
  const run = statementOf(await planInline(statement));
  return sqlTransform({
    ...run,
    entry: name,
    streams: { from: from.name, to: to.name },
    from: from.schema,
    to: to.schema,
  });
}
