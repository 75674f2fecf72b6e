import { clientFault } from '../client-faults.ts';
import { backOff } from './pace.ts';
import type { Run } from './run.ts';

interface Attempt<Answer> {
  readonly call: () => Promise<Answer>;
  /** Of what shard, in the trace. */
  readonly shardId: string;
  readonly signal: AbortSignal;
}

/**
 * Calls Kinesis until it answers, with a back-off: throttling and outages pass, and a mapping has nothing else to do.
 */
export async function retried<Answer>(run: Run, { call, shardId, signal }: Attempt<Answer>): Promise<Answer> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await call();
    } catch (error) {
      const fault = clientFault(error);
      signal.throwIfAborted();
      if (fault === undefined) throw error;
      const afterMillis =
        fault === 'ExpiredIteratorException' && attempt === 1 ? 0 : backOff(run.pace, attempt, run.random);
      run.trace({ did: 'poll-failed', shardId, error: fault, afterMillis });
      if (afterMillis > 0) await run.clock.sleep(afterMillis, signal);
    }
  }
}
