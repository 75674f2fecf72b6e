import type { Clock } from '../clock.ts';
import { getOperations } from './get-operations.ts';
import { checkInput } from './input-checks.ts';
import { inputShapes, isOperation, type OperationName } from './input-shapes.ts';
import { listShardsOperation } from './list-shards.ts';
import { LogError } from './log-error.ts';
import type { LogState } from './log-state.ts';
import { putOperations } from './put-operations.ts';
import { reshardOperations } from './reshard-operations.ts';
import { settingOperations } from './setting-operations.ts';
import { streamOperations } from './stream-operations.ts';
import { tagOperations } from './tags.ts';

export interface LogOptions {
  readonly clock: Pick<Clock, 'now'>;
  /** Decides the sequence numbers: the same seed, calls and times give the same bytes. */
  readonly seed: number | string;
  /**
   * `enforced`: the bytes, records and calls of a shard in each second, the streams in creation, the shards of the
   * account, and the changes of a stream's shard count in 24 hours. `off`: none of these. The limits of a single call
   * (sizes, counts) hold always.
   */
  readonly limits: 'enforced' | 'off';
  /** Zeros by default. */
  readonly accountId?: string;
  /** us-east-1 by default. */
  readonly region?: string;
  /** How long a stream is CREATING, UPDATING or DELETING: 100 by default. */
  readonly transitionMillis?: number;
}

/** The operations of Kinesis Data Streams by their names, as in `log.putRecords(input)`. Each throws `LogError`. */
export type Log = { readonly [Name in OperationName as Uncapitalize<Name>]: Operations[Name] } & {
  /** Calls an operation by the name that the service gives it: `PutRecords`. */
  call(operation: string, input: object): object;
};

/**
 * Makes a log: Kinesis Data Streams in memory. Nothing runs in the background. A call first applies all that time has
 * changed since the last one, so its answer follows from the calls before it, the clock and the seed.
 *
 * *Behaviour.* Each operation has a header that says what it does, with the source of what is not obvious. "API
 * reference" is that of Kinesis Data Streams. test/infra/emulator/log/differences.ts lists where AWS's documentation
 * and another emulator, kinesis-local, disagree, and quotes the documentation.
 *
 * *Differences from AWS.* These hold for every operation:
 * - There are no consumers (enhanced fan-out, SubscribeToShard), changes of tags, encryption, resource policies,
 *   shard-level metrics or changes between capacity modes: an operation that is not in `inputShapes` is an
 *   UnknownOperationException.
 * - A stream is CREATING, UPDATING or DELETING for `transitionMillis`; in AWS for seconds to minutes.
 * - On-demand streams keep their four shards; in AWS they gain shards as the traffic grows.
 * - The quotas of calls an account (5 to 20 a second for most operations) are not enforced; those of a shard are.
 * - No call fails by itself: there is no InternalFailure, no lost request and no lost answer. Tests put such faults
 *   around the client.
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
    ...settingOperations(state),
    ...listShardsOperation(state),
    ...reshardOperations(state),
    ...tagOperations(state),
    ...putOperations(state),
    ...getOperations(state),
  };
}
