import type { KinesisStreamBatchResponse, KinesisStreamEvent } from 'aws-lambda';
import { runContinuous } from './continuous.ts';
import { openInput } from './input.ts';
import { runScheduled } from './scheduled.ts';
import type { SinkDefinition } from './sink.ts';
import { openSinkStep, type SinkStep, writeBatch } from './sink-step.ts';
import { type Invocation, openStep, type StepSurroundings, surroundingsOnLambda } from './step.ts';

/** A batch of an event source mapping, or whatever a schedule sends. */
type Handler = (
  event: KinesisStreamEvent | object,
  invocation: Invocation,
) => Promise<KinesisStreamBatchResponse | undefined>;

/** The Lambda handler of a sink, continuous or scheduled: `export const handler = sinkHandler(s3)`. */
export function sinkHandler<O, R>(definition: SinkDefinition<O, R>): Handler {
  let opened: Handler | undefined;
  return (event, invocation) => {
    opened ??= openSink(definition, surroundingsOnLambda());
    return opened(event, invocation);
  };
}

/** The same with surroundings of your own: one process of the step. */
export function openSink<O, R>(definition: SinkDefinition<O, R>, surroundings: StepSurroundings): Handler {
  const step = openStep(surroundings);
  const sink: SinkStep = openSinkStep(definition, step);
  const input = openInput(step, sink.states, { keepsStates: sink.keepsProgress });
  return async (event, invocation) => {
    if (!('Records' in event)) return runScheduled(sink, input, invocation);
    return runContinuous(step, input, {
      event,
      invocation,
      // Either its rows and its position move at once, or a rerun writes the same under the same names.
      finishes: false,
      work: (batch, shard, { signal }) =>
        writeBatch(sink, { batch, shard, to: batch.state(), options: step.config.options }, signal),
    });
  };
}
