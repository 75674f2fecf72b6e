import type { KinesisStreamBatchResponse, KinesisStreamEvent } from 'aws-lambda';
import type { BatchWork } from './batches/batch-work.ts';
import { openInput } from './batches/shard-input.ts';
import { openSinkStep, type SinkStep } from './batches/sink-step.ts';
import { moveSinkState, writeBatch } from './batches/write-batch.ts';
import { runContinuous } from './delivery/continuous.ts';
import { answerRequest } from './delivery/operator.ts';
import { runScheduled } from './delivery/scheduled.ts';
import { PORTION, type PortionBounds } from './log/portion.ts';
import type { OperatorAnswer } from './operator-request.ts';
import { continueAgain } from './rebuild/again.ts';
import { openRebuilder } from './rebuild/rebuild.ts';
import { openReplays } from './replay/replay.ts';
import type { SinkDefinition } from './sink.ts';
import { type Invocation, openedOnLambda, openStep, type StepSurroundings } from './step.ts';

/** Handles a batch of an event source mapping, the request of an operator's command, or whatever a schedule sends. */
interface Handler {
  (event: KinesisStreamEvent, invocation: Invocation): Promise<KinesisStreamBatchResponse>;
  (event: object, invocation: Invocation): Promise<OperatorAnswer | undefined>;
}

/** The Lambda handler of a sink, continuous or scheduled: `export const handler = sinkHandler(s3Definition)`. */
export function sinkHandler<O, R>(definition: SinkDefinition<O, R>): Handler {
  return openedOnLambda((surroundings) => openSink(definition, surroundings));
}

/** Opens the handler with the given surroundings, as one process of the step. */
export function openSink<O, R>(definition: SinkDefinition<O, R>, surroundings: StepSurroundings): Handler {
  const portion = surroundings.portion ?? portionOf(definition, surroundings.config.options);
  const step = openStep({ ...surroundings, portion });
  const sink: SinkStep = openSinkStep(definition, step);
  const rebuilt = openRebuilder(sink);
  const input = openInput(step, sink.states, {
    keepsStates: sink.keepsProgress,
    outbox: sink.outbox,
    notesBeginning: sink.rebuild !== undefined,
    numbers: sink.writesByVersion,
    keepsRecords: sink.takesRecords(step.config.options),
    portion: sink.portion?.bounds,
  });
  const batchWork: BatchWork = {
    kind: 'continuous sink',
    step,
    input,
    process: (batch, shard, { signal }) =>
      writeBatch(sink, { batch, shard, to: batch.state(), options: step.config.options }, signal),
    move: (shard, to, signal) => moveSinkState(sink, shard, { to, signal }),
    rebuilt,
    again: (id, invocation) => continueAgain({ sink, input, rebuilt }, id, invocation),
  };
  const replays = openReplays(definition, sink);
  const handle = (event: KinesisStreamEvent | object, invocation: Invocation) => {
    if ('Records' in event) return runContinuous(batchWork, { event, invocation });
    if ('millrace' in event) return answerRequest(batchWork, event, { invocation, replays });
    return runScheduled(sink, { ...batchWork, kind: 'scheduled sink' }, invocation);
  };
  return handle as Handler;
}

/** Returns the bounds of the portions of a sink that says how many events it takes at once. */
function portionOf<O, R>(definition: SinkDefinition<O, R>, options: unknown): PortionBounds | undefined {
  const parsed = definition.options.safeParse(options);
  // Opening the sink reports options that cannot be used.
  if (definition.mostEvents === undefined || !parsed.success) return undefined;
  return { ...PORTION, events: Math.min(PORTION.events, definition.mostEvents(parsed.data)) };
}
