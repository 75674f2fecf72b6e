import { z } from 'zod';
import { keptBy, type TableStatement } from '../../functions/runtime/sql/sql-table.ts';
import type { Table } from '../../functions/runtime/table.ts';
import { planFor, tableCode } from '../../infra/sql/compile.ts';
import { instantiate } from '../../infra/sql/emit/evaluate.ts';
import { javascriptModule } from '../../infra/sql/emit/module-code.ts';
import type { Plan } from '../../infra/sql/plan/plan.ts';
import { outputSchemaCode } from '../../infra/sql/schema/output-schema.ts';
import { Fact } from './stream.ts';

/** A table that was compiled in this process, with its plan. */
export interface CompiledTable {
  readonly plan: Plan;
  readonly table: Table;
}

export async function compiledTable(text: string, name: string): Promise<CompiledTable> {
  const file = `${name}.sql`;
  const plan = await planFor({ file, text }, Fact, { from: 's', makes: 'table' });
  const module = javascriptModule();
  const code = `return { file: '${file}',\n${tableCode(module, plan).join('\n')}\n};`;
  const statement = instantiate(module, code) as TableStatement & { readonly key: readonly string[] };
  const row = new Function('z', `return ${outputSchemaCode(plan.outputs, { schema: z.unknown(), name: 'Fact' })}`);
  const made = {
    entry: import.meta.url,
    from: Fact,
    row: row(z) as z.ZodType,
    key: statement.key,
    ...keptBy(statement),
  };
  return { plan, table: made as Table };
}
