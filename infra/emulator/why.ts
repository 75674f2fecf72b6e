import type { TraceEntry } from './trace.ts';

/**
 * Writes the line, beginning with `name`, for an entry about a retry or a discard. Undefined for any other entry, and
 * for a batch that the function itself reports as failed: it does so in each retry of a pause, which is no failure, and
 * after a failure its own log says why.
 */
export function whyOf(name: string, entry: TraceEntry): string | undefined {
  if (entry.did === 'invocation' && entry.why !== undefined && entry.outcome !== 'reported-failures') {
    return `${name}: ${entry.records} records of ${entry.shardId} will be retried: ${entry.why}`;
  }
  if (entry.did === 'discard')
    return `${name}: ${entry.records} records of ${entry.shardId} discarded: ${entry.condition}`;
  if (entry.did === 'schedule-run-failed') return `${name}: the run failed: ${entry.why}`;
  if (entry.did === 'queue-batch' && entry.why !== undefined)
    return `${name}: messages will be redelivered: ${entry.why}`;
  return undefined;
}
