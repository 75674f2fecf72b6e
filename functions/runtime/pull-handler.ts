import { runPulled } from './pull/pull-run.ts';
import { openOutputs, type PulledStep } from './pull/pulled-step.ts';
import type { PulledSource, SourceDefinition } from './source.ts';
import { type Invocation, openedOnLambda, openStep, type StepSurroundings } from './step.ts';
import { parseOrExplain } from './step-config.ts';

/** The schedule's event says nothing. */
type Handler = (event: unknown, invocation: Invocation) => Promise<undefined>;

/**
 * Makes the Lambda handler of a source that a schedule reads: `export const handler =
 * pullHandler(generatorDefinition)`.
 */
export function pullHandler<O, R, P>(definition: SourceDefinition<O, R, PulledSource<P>>): Handler {
  return openedOnLambda((surroundings) => openPullHandler(definition, surroundings)) as Handler;
}

/** Opens the handler with the given surroundings, as one process of the source. */
export function openPullHandler<O, R, P>(
  definition: SourceDefinition<O, R, PulledSource<P>>,
  surroundings: StepSurroundings,
): Handler {
  const step = openStep(surroundings);
  const { config, name } = step;
  const outputs = openOutputs(step);
  const source = definition.open({
    step: name,
    pipelines: config.pipelines ?? [config.pipeline],
    options: parseOrExplain(definition.options, config.options, `the options of step '${name}'`),
    resources: parseOrExplain(definition.resources, config.resources, `the resources of step '${name}'`),
  });
  const pulledStep: PulledStep<P> = { source, step, outputs };
  return async (_event, invocation) => {
    try {
      return await runPulled(pulledStep, invocation);
    } catch (error) {
      step.complain('pull', error);
      throw error;
    }
  };
}
