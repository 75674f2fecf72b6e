import { UserMistake } from '../../functions/runtime/errors.ts';
import type { Table } from '../../functions/runtime/table.ts';
import { BEFORE } from '../../functions/sinks/postgres/changes.ts';
import { columnsOfTable } from '../../functions/table-state/columns.ts';
import { indexMistakes } from './index-mistakes.ts';
import { changesOf, type TableStep } from './steps.ts';

/** Finds schemas and keys that cannot be a table of Postgres, and change streams that a table cannot have. */
export function tableMistakes([name, step]: [string, TableStep<string, Table>]): string[] {
  const { from, keep } = step;
  const read = 'streams' in keep ? (keep.streams as { readonly from: string }).from : from;
  if (read !== from)
    return [`step '${name}': its SQL says FROM ${read}, but the step reads stream '${from}': make them equal`];
  try {
    const columns = columnsOfTable(keep);
    const { to, before } = changesOf(step) ?? {};
    return [
      ...indexMistakes(step.indexes ?? [], columns).map((mistake) => `step '${name}': ${mistake}`),
      ...(to === from
        ? [
            `step '${name}': it reads and writes stream '${to}', so it would read its own changes for ever: write to another stream`,
          ]
        : []),
      ...(before === true && columns.some((column) => column.name === BEFORE)
        ? [
            `step '${name}': its rows have a field '${BEFORE}', which is where its changes have the row as it was: rename the field`,
          ]
        : []),
    ];
  } catch (error) {
    if (error instanceof UserMistake) return [`step '${name}': ${error.message}`];
    throw error;
  }
}
