import { EventRejected } from '../../../functions/runtime/errors.ts';
import type { ReceivedEvent } from '../../../functions/runtime/event.ts';
import type { Output, Transform } from '../../../functions/runtime/transform.ts';
import type { Pipeline } from '../../pipelines/pipeline.ts';
import type { StepPlan } from '../../pipelines/plan.ts';

/** The outputs that the code of this repository makes of an event, or why it refuses the event. */
export type Answer = { readonly outputs: readonly Output[] } | { readonly refusal: string };

/** Whether a step makes the same again. */
export type Verdict =
  | { readonly is: 'same' }
  | { readonly is: 'different'; readonly why: string }
  /** The step was not run again. */
  | { readonly is: 'unknown'; readonly why: string };

/** Finds the code of a transform, as this repository has it now. */
export async function transformOf(
  step: Extract<StepPlan, { kind: 'transform' }>,
  transforms: Pipeline['transforms'],
): Promise<Pick<Transform, 'run' | 'deterministic'>> {
  if (step.sql !== undefined) return (await import('../../sql/inline.ts')).inlineTransform(step.sql);
  const apply = transforms[step.name]?.apply;
  if (apply === undefined || 'sql' in apply) throw new Error(`step ${step.name} of ${step.pipeline} has no code`);
  return apply;
}

/** Runs a transform on an event. Nothing is appended, and nothing stored. */
export function runAgain({ run }: Pick<Transform, 'run'>, event: ReceivedEvent): Answer {
  try {
    return { outputs: run(event) };
  } catch (error) {
    if (error instanceof EventRejected) return { refusal: `${error.reason}: ${error.message}` };
    throw error;
  }
}

/** Compares an output in the log with what the code makes of its input now. */
export function compare(answer: Answer, index: number, logged: ReceivedEvent): Verdict {
  if ('refusal' in answer)
    return { is: 'different', why: `the code of this repository refuses its input (${answer.refusal})` };
  const output = answer.outputs[index];
  if (output === undefined)
    return {
      is: 'different',
      why: `the code of this repository makes ${answer.outputs.length} events of its input, not ${index + 1}`,
    };
  const names = (['type', 'key', 'time'] as const).filter((name) => output[name] !== logged[name]);
  const isSameData = Buffer.compare(output.dataBytes, logged.dataBytes) === 0;
  const differing = [...names, ...(isSameData ? [] : ['data'])];
  if (differing.length === 0) return { is: 'same' };
  return { is: 'different', why: `the code of this repository makes another ${differing.join(' and ')} of its input` };
}
