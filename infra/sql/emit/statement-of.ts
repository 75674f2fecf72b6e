import type { GroupedStatement } from '../../../functions/runtime/sql/aggregates/grouped-statement.ts';
import type { Statement } from '../../../functions/runtime/sql/sql-transform.ts';
import type { Plan } from '../plan/plan.ts';
import { instantiate } from './evaluate.ts';
import { groupedCode } from './grouped.ts';
import { javascriptModule } from './module-code.ts';
import { statementCode } from './statement.ts';

/** Turns a plan into the statement that the runtime runs, in this process. */
export function statementOf(plan: Plan): Statement {
  const module = javascriptModule();
  const code = statementCode(module, plan);
  return instantiate(module, `return { file: ${JSON.stringify(plan.source.file)},\n${code}\n};`) as Statement;
}

/** Turns a plan with a grouping into the statement that the runtime runs, in this process. */
export function groupedStatementOf(plan: Plan): GroupedStatement {
  const module = javascriptModule();
  const code = groupedCode(module, plan);
  return instantiate(module, `return { file: ${JSON.stringify(plan.source.file)},\n${code}\n};`) as GroupedStatement;
}
