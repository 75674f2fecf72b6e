import { type Join, rekeyedInput } from '../runtime/join.ts';
import { openSink, type sinkHandler } from '../runtime/sink-handler.ts';
import { openedOnLambda } from '../runtime/step.ts';
import { openTransform } from '../runtime/transform-handler.ts';
import { tableDefinition } from './table-handler.ts';

/**
 * The Lambda handler of a join: `export const handler = joinHandler(ordersWithCustomers)`. A join has three steps of
 * one module: two that re-key its inputs, and the one that joins them. Their options tell them apart.
 */
export function joinHandler({ rekey, keep }: Pick<Join, 'rekey' | 'keep'>): ReturnType<typeof sinkHandler> {
  return openedOnLambda((surroundings) => {
    const input = rekeyedInput(surroundings.config.options);
    if (input !== undefined) return openTransform(rekey(input), surroundings);
    return openSink(tableDefinition(keep), surroundings);
  });
}
