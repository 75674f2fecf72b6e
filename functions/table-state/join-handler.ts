import { type Join, rekeyedInput } from '../runtime/join.ts';
import { openSink, type sinkHandler } from '../runtime/sink-handler.ts';
import { surroundingsOnLambda } from '../runtime/step.ts';
import { openTransform } from '../runtime/transform-handler.ts';
import { tableDefinition } from './table-handler.ts';

type Handler = ReturnType<typeof sinkHandler>;

/**
 * The Lambda handler of a join: `export const handler = joinHandler(ordersWithCustomers)`. A join has three steps of
 * one module: two that re-key its inputs, and the one that joins them. Their options tell them apart.
 */
export function joinHandler(join: Pick<Join, 'rekey' | 'keep'>): Handler {
  let opened: Handler | undefined;
  const handle = (...[event, invocation]: Parameters<Handler>) => {
    opened ??= openJoin(join);
    return opened(event, invocation);
  };
  return handle as Handler;
}

function openJoin({ rekey, keep }: Pick<Join, 'rekey' | 'keep'>): Handler {
  const surroundings = surroundingsOnLambda();
  const input = rekeyedInput(surroundings.config.options);
  if (input !== undefined) return openTransform(rekey(input), surroundings) as Handler;
  return openSink(tableDefinition(keep), surroundings);
}
