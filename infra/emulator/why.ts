import type { TraceEntry } from './trace.ts';

/**
 * A line for an entry that says why something is delivered again or given up; undefined for one that does not. `name`
 * begins it.
 */
export function whyOf(name: string, entry: TraceEntry): string | undefined {
  if (entry.did === 'invocation' && entry.why !== undefined) {
    return `${name}: ${entry.records} records of ${entry.shardId} come again: ${entry.why}`;
  }
  if (entry.did === 'discard')
    return `${name}: ${entry.records} records of ${entry.shardId} discarded: ${entry.condition}`;
  if (entry.did === 'schedule-run-failed') return `${name}: the run failed: ${entry.why}`;
  if (entry.did === 'queue-batch' && entry.why !== undefined) return `${name}: a message comes again: ${entry.why}`;
  return undefined;
}
