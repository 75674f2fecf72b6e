import type { Statement } from '../../../functions/runtime/sql/sql-transform.ts';
import type { Plan } from '../plan/plan.ts';
import { instantiate } from './evaluate.ts';
import { javascriptModule } from './module-code.ts';
import { statementCode } from './statement.ts';

/** Turns a plan into the statement that the runtime runs, in this process. */
export function statementOf(plan: Plan): Statement {
  const module = javascriptModule();
  const code = statementCode(module, plan);
  return instantiate(module, `return { file: ${JSON.stringify(plan.source.file)},\n${code}\n};`) as Statement;
}
