import { type Join, type JoinTables, partOf, rekeyedInput } from '../runtime/join.ts';
import { openSink, type sinkHandler } from '../runtime/sink-handler.ts';
import { openedOnLambda } from '../runtime/step.ts';
import type { Table } from '../runtime/table.ts';
import { openTransform } from '../runtime/transform-handler.ts';
import { tableDefinition } from './table-handler.ts';

/**
 * The Lambda handler of a join: `export const handler = joinHandler(ordersWithCustomers)`. A join has three steps of
 * one module, or five: those that re-key its inputs, and those that join them. Their options tell them apart.
 */
export function joinHandler({ rekey, keep, tables }: Pick<Join, 'rekey'> & Tables): ReturnType<typeof sinkHandler> {
  return openedOnLambda((surroundings) => {
    const input = rekeyedInput(surroundings.config.options);
    if (input !== undefined) return openTransform(rekey(input), surroundings);
    return openSink(tableDefinition(tableOf({ keep, tables }, surroundings.config.options)), surroundings);
  });
}

/** The tables of a join. */
interface Tables extends Pick<Join, 'keep'> {
  readonly tables?: JoinTables['tables'] | undefined;
}

/** Returns the table that a step with these options keeps. */
export function tableOf({ keep, tables }: Tables, options: unknown): Table {
  const part = partOf(options);
  const table = part === undefined ? keep : tables?.find((one) => one.part === part);
  if (table === undefined) throw new Error(`the join has no table '${part}': deploy its pipeline`);
  return table;
}
