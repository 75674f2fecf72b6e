import { computed, type Signal, signal } from '@preact/signals';
import type { LiveRates, LiveSteps, StepRate, StepSummary, TopologyAnswer } from '../answers.ts';

/** What runs. Undefined until the server has answered. */
export const topology = signal<TopologyAnswer | undefined>(undefined);

/** Why the server can read nothing. Empty when it can. */
export const problem = signal('');

/** How each step is, `<pipeline>/<step>`: a node of the graph draws itself again when its own step changes only. */
const steps = new Map<string, Signal<StepSummary | undefined>>();

/** How many events a second all steps take and make. Undefined until the server knows it. */
export const rates = signal<LiveRates | undefined>(undefined);

/** The same of each step, by `<pipeline>/<step>`. */
const ratesByStep = computed(
  () => new Map(rates.value?.steps.map((rate) => [`${rate.pipeline}/${rate.step}`, rate] as const)),
);

export function rateOf(pipeline: string, step: string): StepRate | undefined {
  return ratesByStep.value.get(`${pipeline}/${step}`);
}

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
  if (message.rates !== undefined) rates.value = message.rates;
  if (message.problem !== undefined) problem.value = message.problem;
}
