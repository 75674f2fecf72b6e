import { type Signal, signal } from '@preact/signals';
import type { LiveSteps, StepSummary, TopologyAnswer } from '../answers.ts';

/** What runs. Undefined until the server has answered. */
export const topology = signal<TopologyAnswer | undefined>(undefined);

/** Why the server can read nothing. Empty when it can. */
export const problem = signal('');

/** How each step is, `<pipeline>/<step>`: a node of the graph draws itself again when its own step changes only. */
const steps = new Map<string, Signal<StepSummary | undefined>>();

/** Changes when any step does. For lists of all steps. */
const changes = signal(0);

export function stepSignal(pipeline: string, step: string): Signal<StepSummary | undefined> {
  const key = `${pipeline}/${step}`;
  const known = steps.get(key) ?? signal<StepSummary | undefined>(undefined);
  steps.set(key, known);
  return known;
}

/** Lists what is known of all steps. */
export function knownSteps(): readonly StepSummary[] {
  return changes.value < 0 ? [] : [...steps.values()].flatMap(({ value }) => value ?? []);
}

export function takeSteps(message: LiveSteps): void {
  for (const summary of message.steps) stepSignal(summary.pipeline, summary.step).value = summary;
  if (message.steps.length > 0) changes.value += 1;
  if (message.problem !== undefined) problem.value = message.problem;
}
