import type { KinesisStreamBatchResponse, KinesisStreamEvent } from 'aws-lambda';
import type { BatchWork } from './batches/batch-work.ts';
import { openInput } from './batches/shard-input.ts';
import { moveTransformState, transformBatch } from './batches/transform-batch.ts';
import { runContinuous } from './delivery/continuous.ts';
import { answerRequest } from './delivery/operator.ts';
import { UserMistake } from './errors.ts';
import type { OperatorAnswer } from './operator-request.ts';
import { type Invocation, openedOnLambda, openStep, type StepSurroundings } from './step.ts';
import type { Transform } from './transform.ts';

/** Handles a batch of an event source mapping, or the request of an operator's command. */
interface Handler {
  (event: KinesisStreamEvent, invocation: Invocation): Promise<KinesisStreamBatchResponse>;
  (event: object, invocation: Invocation): Promise<OperatorAnswer>;
}

/** The Lambda handler of a transform: `export const handler = transformHandler(cleanReadings)`. */
export function transformHandler(transform: Pick<Transform, 'run' | 'deterministic'>): Handler {
  return openedOnLambda((surroundings) => openTransform(transform, surroundings));
}

/** Opens the handler with the given surroundings, as one process of the step. */
export function openTransform(
  transform: Pick<Transform, 'run' | 'deterministic'>,
  surroundings: StepSurroundings,
): Handler {
  const step = openStep(surroundings);
  const { writer } = step;
  if (writer === undefined) throw new UserMistake(`step '${step.name}' writes to no stream: STEP_CONFIG has no output`);
  const input = openInput(step, step.states, { keepsStates: false });
  const batchWork: BatchWork = {
    kind: 'transform',
    step,
    input,
    process: (batch, shard, turn) => transformBatch({ transform, step, writer }, { batch, shard }, turn),
    move: (shard, to, signal) => moveTransformState(step, shard, { to, signal }),
  };
  const handle = (event: KinesisStreamEvent | object, invocation: Invocation) =>
    'Records' in event
      ? runContinuous(batchWork, { event, invocation })
      : answerRequest(batchWork, event, { invocation, replays: undefined });
  return handle as Handler;
}
