import { clientFault } from '../client-faults.ts';
import { backOff } from './pace.ts';
import type { Run } from './run.ts';

interface Attempt<Answer> {
  readonly call: () => Promise<Answer>;
  /** The shard that the trace names. */
  readonly shardId: string;
  readonly signal: AbortSignal;
  /** True of an error that is thrown at once. None by default. */
  readonly isFinal?: (error: unknown) => boolean;
}

/**
 * Calls Kinesis and retries with a back-off until it answers: a mapping waits for throttling and outages to pass. A
 * defect is thrown, and so is the signal's reason.
 */
export async function retryCall<Answer>(
  run: Run,
  { call, shardId, signal, isFinal }: Attempt<Answer>,
): Promise<Answer> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await call();
    } catch (error) {
      const fault = clientFault(error);
      signal.throwIfAborted();
      if (fault === undefined || isFinal?.(error)) throw error;
      const afterMillis =
        fault === 'ExpiredIteratorException' && attempt === 1 ? 0 : backOff(run.pace, attempt, run.random);
      run.trace({ did: 'poll-failed', shardId, error: fault, afterMillis });
      if (afterMillis > 0) await run.clock.sleep(afterMillis, signal);
    }
  }
}
