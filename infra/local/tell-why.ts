import type { TraceEntry } from '../emulator/trace.ts';
import { whyOf } from '../emulator/why.ts';
import type { StepPlan } from '../pipelines/plan.ts';
import { nameOf } from './runner.ts';

/** What the author of a step wants to know without asking: why a batch is delivered again or given up. */
export function tellWhy(step: StepPlan, entry: TraceEntry): string | undefined {
  return whyOf(nameOf(step), entry);
}
