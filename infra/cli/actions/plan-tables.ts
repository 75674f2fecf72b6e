import { type PlannedTable, type TableChange, tableChanges } from '../../operation/table-changes.ts';
import { print } from '../../terminal.ts';
import type { CommandInvocation } from '../command.ts';
import { tableChangesReport } from '../reports/table-changes-report.ts';
import { withTarget } from '../target/with-target.ts';

/**
 * Runs `millrace sql plan [pipeline]`. Resolves to the exit code: 1 when a table's step would stop with the code as it
 * is.
 */
export function planTables(invocation: CommandInvocation): Promise<number> {
  return withTarget(invocation, 1, async (find, { target, title }) => {
    const { positionals, signal, values } = invocation;
    const plans = positionals.length === 0 ? find.plans() : [find.plan(positionals[0])];
    const tables = plans.flatMap(({ name, steps }) =>
      steps.flatMap((plan): PlannedTable[] => {
        const table = plan.kind === 'table' ? find.tables(name)[plan.name]?.keep : undefined;
        return plan.kind === 'table' && table !== undefined ? [{ plan, table }] : [];
      }),
    );
    const changes = await tableChanges(tables, target, signal);
    if (values.json === true) for (const change of changes) print(JSON.stringify(change));
    else print(tableChangesReport(title, changes));
    return changes.some(isStopping) ? 1 : 0;
  });
}

function isStopping({ change, stops }: TableChange): boolean {
  return change === 'impossible' || change === 'taken' || (change === 'rebuild' && stops !== undefined);
}
