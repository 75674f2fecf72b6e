import type { TraceEntry } from '../emulator/trace.ts';
import type { StepPlan } from '../pipelines/plan.ts';
import { nameOf } from './runner.ts';

/** What the author of a step wants to know without asking: why a batch is delivered again or given up. */
export function tellWhy(step: StepPlan, entry: TraceEntry): string | undefined {
  const name = nameOf(step);
  if (entry.did === 'invocation' && entry.why !== undefined) {
    return `${name}: ${entry.records} records of ${entry.shardId} come again: ${entry.why}`;
  }
  if (entry.did === 'discard')
    return `${name}: ${entry.records} records of ${entry.shardId} discarded: ${entry.condition}`;
  if (entry.did === 'schedule-run-failed') return `${name}: the run failed: ${entry.why}`;
  if (entry.did === 'queue-batch' && entry.why !== undefined) return `${name}: a message comes again: ${entry.why}`;
  return undefined;
}
