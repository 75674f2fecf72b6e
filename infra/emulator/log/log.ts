import type { Clock } from '../clock.ts';
import { getOperations } from './get-operations.ts';
import { checkInput } from './input-checks.ts';
import { inputShapes, isOperation, type OperationName } from './input-shapes.ts';
import { listShardsOperation } from './list-shards.ts';
import { LogError } from './log-error.ts';
import type { LogState } from './log-state.ts';
import { putOperations } from './put-operations.ts';
import { reshardOperations } from './reshard-operations.ts';
import { streamOperations } from './stream-operations.ts';

export interface LogOptions {
  readonly clock: Pick<Clock, 'now'>;
  /** The same seed, calls and times give the same bytes. */
  readonly seed: number | string;
  /**
   * Enforced: what a shard takes and gives a second, the calls it answers a second, streams in creation, shards in an
   * account and changes of the shard count a day. Sizes and counts of a single call hold always. How often streams are
   * described and listed is never limited.
   */
  readonly limits: 'enforced' | 'off';
  /** Zeros by default. */
  readonly accountId?: string;
  /** us-east-1 by default. */
  readonly region?: string;
  /** How long a stream is CREATING, UPDATING or DELETING: 100 by default. */
  readonly transitionMillis?: number;
}

/** The operations of Kinesis Data Streams, by their names: `log.putRecords(input)`. They throw `LogError`. */
export type Log = { readonly [Name in OperationName as Uncapitalize<Name>]: Operations[Name] } & {
  /** An operation by the name that the service gives it. */
  call(operation: string, input: object): object;
};

/**
 * Kinesis Data Streams in memory. Nothing runs in the background: what time changes is worked out when somebody asks,
 * so an operation is a plain function of the calls before it, the clock and the seed.
 */
export function createLog(options: LogOptions): Log {
  const state: LogState = {
    nowMillis: () => options.clock.now(),
    seed: String(options.seed),
    enforceLimits: options.limits === 'enforced',
    accountId: options.accountId ?? '000000000000',
    region: options.region ?? 'us-east-1',
    transitionMillis: options.transitionMillis ?? 100,
    streams: new Map(),
  };
  const operations = operationsOf(state);
  const call = (operation: string, input: object): object => {
    if (!isOperation(operation)) {
      throw new LogError('UnknownOperationException', `Unknown operation ${operation}: this log does not have it`);
    }
    checkInput(input, inputShapes[operation]);
    const run = operations[operation] as (input: object) => object | undefined;
    return run(input) ?? {};
  };
  const methods = Object.keys(operations).map((operation) => [
    (operation[0] ?? '').toLowerCase() + operation.slice(1),
    (input: object) => call(operation, input),
  ]);
  return { ...Object.fromEntries(methods), call };
}

type Operations = ReturnType<typeof operationsOf>;

function operationsOf(state: LogState) {
  return {
    ...streamOperations(state),
    ...listShardsOperation(state),
    ...reshardOperations(state),
    ...putOperations(state),
    ...getOperations(state),
  };
}
