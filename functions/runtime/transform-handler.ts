import type { KinesisStreamBatchResponse, KinesisStreamEvent } from 'aws-lambda';
import type { Batch } from './batches/batch.ts';
import type { BatchWork, Done, Turn } from './batches/batch-work.ts';
import { endParents } from './batches/drained-inputs.ts';
import { openInput, type ShardInput } from './batches/shard-input.ts';
import { saveState } from './checkpoints/shard-states.ts';
import { type Rejection, rejectionOf } from './dead-letters/dead-letters.ts';
import { runContinuous } from './delivery/continuous.ts';
import { answerRequest } from './delivery/operator.ts';
import { EventRejected, UserMistake } from './errors.ts';
import type { OutgoingEvent, ReceivedEvent } from './event.ts';
import type { LogWriter } from './log/log-writer.ts';
import type { OperatorAnswer } from './operator-request.ts';
import { MOST_OUTPUTS, sequenceAt } from './position.ts';
import { type Invocation, openStep, type Step, type StepSurroundings, surroundingsOnLambda } from './step.ts';
import type { Transform } from './transform.ts';

/** A batch of an event source mapping, or what an operator's command asks. */
interface Handler {
  (event: KinesisStreamEvent, invocation: Invocation): Promise<KinesisStreamBatchResponse>;
  (event: object, invocation: Invocation): Promise<OperatorAnswer>;
}

/** The Lambda handler of a transform: `export const handler = transformHandler(cleanReadings)`. */
export function transformHandler(transform: Pick<Transform, 'run' | 'deterministic'>): Handler {
  let opened: Handler | undefined;
  const handle = (event: KinesisStreamEvent | object, invocation: Invocation) => {
    opened ??= openTransform(transform, surroundingsOnLambda());
    return opened(event, invocation);
  };
  return handle as Handler;
}

/** The same with surroundings of your own: one process of the step. */
export function openTransform(
  transform: Pick<Transform, 'run' | 'deterministic'>,
  surroundings: StepSurroundings,
): Handler {
  const step = openStep(surroundings);
  const { writer } = step;
  if (writer === undefined) throw new UserMistake(`step '${step.name}' writes to no stream: STEP_CONFIG has no output`);
  const input = openInput(step, step.checkpoints, { keepsStates: false });
  const batchWork: BatchWork = {
    step,
    input,
    finishes: true,
    fixes: false,
    mapped: true,
    work: (batch, shard, turn) => transformBatch({ transform, step, writer }, { batch, shard }, turn),
    move: async (shard, to, signal) =>
      saveState(step.checkpoints, shard.key, {
        from: shard.loaded,
        nowMillis: step.now(),
        signal,
        to: await step.markPages.store(shard.key, { from: shard.loaded, to }, signal),
      }),
  };
  const handle = (event: KinesisStreamEvent | object, invocation: Invocation) =>
    'Records' in event
      ? runContinuous(batchWork, { event, invocation })
      : answerRequest(batchWork, event, { invocation, replays: undefined });
  return handle as Handler;
}

/**
 * Appends first, then stores the dead letters, then moves the checkpoint: what a crash in between repeats is the same events under the
 * same sequences, and readers drop it.
 */
async function transformBatch(
  by: { readonly transform: Pick<Transform, 'run' | 'deterministic'>; readonly step: Step; readonly writer: LogWriter },
  on: { readonly batch: Batch; readonly shard: ShardInput },
  { signal, dataHandled }: Turn,
): Promise<Done> {
  const { transform, step, writer } = by;
  const { batch, shard } = on;
  const made = transformed(transform, batch.events, `/${step.name}/${shard.key}/${generationOf(step, shard)}`);
  await dataHandled();
  await endParents(step, shard, signal);
  const tooLarge = new Map<ReceivedEvent, Rejection>();
  for (const { index, size, limit } of await writer.oversized(made.outputs, signal)) {
    const cause = made.causes[index] as ReceivedEvent;
    const message = `its output of ${size} bytes is above the stream's ${limit} bytes`;
    tooLarge.set(cause, rejectionOf(cause, new EventRejected('too-large', message)));
  }
  // An event is a dead letter or its outputs are sent, all of them.
  const outputs = made.outputs.filter((_, index) => !tooLarge.has(made.causes[index] as ReceivedEvent));
  const appended = await writer.append(outputs, signal);
  const rejections = [...batch.rejections, ...made.rejections, ...tooLarge.values()];
  await step.deadLetters.put(shard.key, rejections, signal);
  const loaded = await saveState(step.checkpoints, shard.key, {
    from: shard.loaded,
    to: await step.markPages.store(shard.key, { from: shard.loaded, to: batch.state() }, signal),
    nowMillis: step.now(),
    signal,
  });
  return { loaded, eventsOut: outputs.length, bytesOut: appended.bytes, rejected: rejections.length };
}

/** Of code and options, and of the rewinds that went back: readers are to take events again that were sent before. */
function generationOf({ config }: Step, { loaded: { state } }: ShardInput): string {
  return state.generation === undefined ? config.generation : `${config.generation}.${state.generation}`;
}

function transformed(
  transform: Pick<Transform, 'run' | 'deterministic'>,
  events: readonly ReceivedEvent[],
  source: string,
): { outputs: OutgoingEvent[]; causes: ReceivedEvent[]; rejections: Rejection[] } {
  const outputs: OutgoingEvent[] = [];
  const causes: ReceivedEvent[] = [];
  const rejections: Rejection[] = [];
  for (const event of events) {
    try {
      const derived = transform.run(event);
      if (derived.length > MOST_OUTPUTS)
        throw new EventRejected('transform', `it has ${derived.length} outputs: at most ${MOST_OUTPUTS} are possible`);
      for (const [index, output] of derived.entries()) {
        const id = sequenceAt(event.position, index);
        const sequence = transform.deterministic === false ? undefined : id;
        outputs.push({ ...output, id, source, sequence, traceparent: event.traceparent });
        causes.push(event);
      }
    } catch (error) {
      if (!(error instanceof EventRejected)) throw error;
      rejections.push(rejectionOf(event, error));
    }
  }
  return { outputs, causes, rejections };
}
