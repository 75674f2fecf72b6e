import { SqlError } from '../../../functions/runtime/sql/errors/sql-error.ts';
import { factsOf } from '../../../infra/sql/catalog/type-facts.ts';
import { withoutUnknown } from '../../../infra/sql/check/context.ts';
import { checkExpression } from '../../../infra/sql/check/expression.ts';
import { foldConstants } from '../../../infra/sql/check/fold.ts';
import { instantiate } from '../../../infra/sql/emit/evaluate.ts';
import { emit } from '../../../infra/sql/emit/expression.ts';
import { expand, javascriptModule } from '../../../infra/sql/emit/module-code.ts';
import type { Checked, ScopeColumn } from '../../../infra/sql/plan/checked.ts';
import type { SqlType } from '../../../infra/sql/plan/sql-type.ts';
import { typeName } from '../../../infra/sql/plan/sql-type.ts';
import { parseStatement } from '../../../infra/sql/syntax/parse.ts';
import { SqlMistake } from '../../../infra/sql/syntax/source-position.ts';

export interface TestColumn {
  readonly name: string;
  readonly type: SqlType;
}

/** A row in Postgres's text form. */
export type TestRow = readonly (string | null)[];

export interface Outcome {
  readonly value?: string | null;
  readonly error?: string;
}

export interface CompiledExpression {
  readonly type: string;
  readonly nullable: boolean;
  readonly evaluate: (row: TestRow) => Outcome;
}

/** Compiles one expression over columns and runs it on rows, as a transform's generated code would. */
export async function compileExpression(text: string, columns: readonly TestColumn[]): Promise<CompiledExpression> {
  const source = { file: 'test.sql', text: `SELECT ${text}` };
  const { select, offsetOf } = await parseStatement(source);
  const [target] = select.targetList ?? [];
  if (target === undefined || !('ResTarget' in target) || target.ResTarget.val === undefined)
    throw new Error('no expression');
  const scope = columns.map(
    ({ name, type }): ScopeColumn => ({ name, type, nullable: true, table: 't', origin: 'data', variable: name }),
  );
  const base = { source, columns: scope, offsetOf };
  const checked = checkExpression(base, target.ResTarget.val);
  const foldOptional = foldConstants(source, withoutUnknown({ ...base, check: () => checked }, checked));
  return {
    type: typeName(foldOptional.type),
    nullable: foldOptional.nullable,
    evaluate: runner(foldOptional, columns),
  };
}

function runner(checked: Checked, columns: readonly TestColumn[]): (row: TestRow) => Outcome {
  const module = javascriptModule();
  const code = emit(module, checked);
  const toText = expand(module, factsOf(checked.type).toText);
  const reads = columns.map(
    ({ name, type }, i) =>
      `const ${name} = row[${i}] === null ? null : ${expand(module, factsOf(type).fromText)}(row[${i}]);`,
  );
  const body = `return (row) => { ${reads.join(' ')} return () => { const value = ${code}; return value === null ? null : ${toText}(value); }; };`;
  const run = instantiate(module, body) as (row: TestRow) => () => string | null;
  return (row) => {
    const evaluate = run(row);
    try {
      return { value: evaluate() };
    } catch (error) {
      if (error instanceof SqlError) return { error: `${error.code}: ${error.message}` };
      throw error;
    }
  };
}

export { SqlMistake };
