import { loadStored } from '../../../functions/runtime/checkpoints/shard-states.ts';
import type { StepState } from '../../../functions/runtime/checkpoints/step-state.ts';
import {
  type Converted,
  convertDocuments,
  type OnFailureStep,
} from '../../../functions/runtime/on-failure/documents.ts';
import type { ReaderPlan, StepPlan } from '../../pipelines/plan.ts';
import { openStates, ProgressOutOfReach } from '../sink-progress.ts';
import { checkpointsOf, type Target } from '../target.ts';

/**
 * Makes dead letters of the records that Lambda discarded, for these steps. On AWS, a function of the platform does so
 * continuously.
 */
export async function convertOnFailure(
  target: Target,
  steps: readonly StepPlan[],
  { now, signal }: { readonly now: () => number; readonly signal: AbortSignal },
): Promise<readonly Converted[]> {
  const { clients, names } = target;
  const stepOf = async (functionArn: string): Promise<OnFailureStep> => {
    const functionName = functionArn.slice(functionArn.lastIndexOf(':function:')).split(':')[2] ?? functionArn;
    const step = steps.find(({ pipeline, name }) => names.step(pipeline, name) === functionName);
    if (step === undefined || step.kind === 'source') throw new Error(`no step has the function ${functionName}`);
    return {
      pipeline: step.pipeline,
      step: step.name,
      formerly: step.formerly,
      own: step.input.own,
      checkpoints: checkpointsOf(step, target),
      stateOf: (shard, abortSignal) => stateOf(step, target, { shard, signal: abortSignal }),
    };
  };
  const at = { s3: clients.s3, kinesis: clients.kinesis, bucket: names.deadLetters, now, stepOf };
  return Array.fromAsync(convertDocuments(at, signal));
}

/** Loads a step's committed state in a shard. Undefined when there is none, or it is out of reach. */
async function stateOf(
  step: ReaderPlan,
  target: Target,
  { shard, signal }: { readonly shard: string; readonly signal: AbortSignal },
): Promise<StepState | undefined> {
  try {
    await using states = await openStates(step, target, signal);
    return (await loadStored(states, shard, signal))?.state;
  } catch (error) {
    if (error instanceof ProgressOutOfReach) return undefined;
    throw error;
  }
}
