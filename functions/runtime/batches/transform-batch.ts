import { commitState } from '../checkpoints/commit-state.ts';
import type { LoadedState } from '../checkpoints/shard-states.ts';
import type { StepState } from '../checkpoints/step-state.ts';
import { EventRejected } from '../errors.ts';
import type { OutgoingEvent, ReceivedEvent } from '../event.ts';
import type { LogWriter } from '../log/log-writer.ts';
import { MOST_OUTPUTS, sequenceAt } from '../position.ts';
import { type Rejection, rejectionOf } from '../rejection.ts';
import type { Step } from '../step.ts';
import { refuseFuture, refuseLate } from '../time/judge-event.ts';
import { tickEverywhere } from '../time/tick.ts';
import type { Transform } from '../transform.ts';
import { AHEAD_MILLIS } from '../windows.ts';
import type { Batch } from './batch.ts';
import type { Done, Turn } from './batch-work.ts';
import { endParents } from './drained-inputs.ts';
import type { ShardInput } from './shard-input.ts';

/** A transform in one process. */
export interface TransformStep {
  readonly transform: Pick<Transform, 'run' | 'deterministic' | 'graceMillis'>;
  readonly step: Step;
  readonly writer: LogWriter;
}

/**
 * Transforms one batch, exactly once: appends the outputs, then stores the dead letters, then moves the checkpoint.
 *
 * The checkpoint moves last, so a crash at any point repeats the batch and loses nothing. The repeated batch appends
 * the same events under the same sources and sequences, which readers drop, and stores the same dead letters under the
 * same names.
 */
export async function transformBatch(
  transformStep: TransformStep,
  { batch, shard }: { readonly batch: Batch; readonly shard: ShardInput },
  { signal, dataHandled }: Turn,
): Promise<Done> {
  const { transform, step, writer } = transformStep;
  const source = `/${step.name}/${shard.key}/${generationOf(step, shard)}`;
  const made = withTicks(transformed(transform, batch, source), { batch, shard, step, source });
  await dataHandled();
  await endParents(step, shard, signal);
  const tooLarge = await eventsWithOversizedOutputs(writer, made, signal);
  // Either all outputs of an event are sent, or none of them, and the event becomes a dead letter.
  const outputs = made.outputs.filter((_, index) => !tooLarge.has(made.causes[index]));
  const appended = await writer.append(outputs, signal);
  const rejections = [...batch.rejections, ...made.rejections, ...tooLarge.values()];
  await step.deadLetters.put(shard.key, rejections, signal);
  const loaded = await moveTransformState(step, shard, { to: batch.state(), signal });
  const ticks = outputs.filter(({ everywhere }) => everywhere).length;
  return { loaded, eventsOut: outputs.length - ticks, bytesOut: appended.bytes, rejected: rejections.length };
}

/** Moves a transform's state in the checkpoint table. */
export function moveTransformState(
  step: Step,
  { key, loaded }: ShardInput,
  { to, signal }: { readonly to: StepState; readonly signal: AbortSignal },
): Promise<LoadedState> {
  return commitState(step, key, { from: loaded, to, signal });
}

/**
 * Returns the generation of what the step sends: the hash of its code and options, and the number of the last rewind
 * that went back. A new generation makes readers take events again that were sent before.
 */
function generationOf({ config }: Step, { loaded: { state } }: ShardInput): string {
  return state.generation === undefined ? config.generation : `${config.generation}.${state.generation}`;
}

/** The results of a transform's code for one batch. */
interface Transformed {
  readonly outputs: OutgoingEvent[];
  /** At each output's index, the event that the output was made of. Undefined: it is a tick. */
  readonly causes: (ReceivedEvent | undefined)[];
  readonly rejections: Rejection[];
}

function transformed(
  transform: TransformStep['transform'],
  { events, time }: Pick<Batch, 'events' | 'time'>,
  source: string,
): Transformed {
  const outputs: OutgoingEvent[] = [];
  const causes: ReceivedEvent[] = [];
  const rejections: Rejection[] = [];
  for (const event of events) {
    try {
      if (transform.graceMillis !== undefined) judge(event, time, transform.graceMillis);
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

/** Rejects an event that comes too late, or too early: by the watermark of its own place in the log. */
function judge(event: ReceivedEvent, time: Batch['time'], graceMillis: number): void {
  if (time === undefined) throw new Error('a join within a time needs the time of its events: deploy its pipeline');
  const moment = time.momentOf(event);
  refuseFuture(event, moment, AHEAD_MILLIS);
  refuseLate(event, moment, graceMillis);
}

/**
 * Adds the ticks to pass on, behind the outputs of the events that came before each. A tick speaks for the hash range
 * of the shard that the step reads.
 */
function withTicks(
  made: Transformed,
  of: { readonly batch: Batch; readonly shard: ShardInput; readonly step: Step; readonly source: string },
): Transformed {
  const { batch, shard, step, source } = of;
  const ticks = batch.time?.passedOn ?? [];
  if (ticks.length === 0) return made;
  const { from, to } = shard.facts;
  const places = new Map(batch.events.map((event, index) => [event, index]));
  const outputs: OutgoingEvent[] = [];
  const causes: (ReceivedEvent | undefined)[] = [];
  let next = 0;
  const addTicks = (eventsBefore: number): void => {
    for (let tick = ticks[next]; tick !== undefined && tick.eventsBefore <= eventsBefore; tick = ticks[++next]) {
      outputs.push(tickEverywhere(source, { millis: tick.millis, from: { step: step.name, from, to } }));
      causes.push(undefined);
    }
  };
  for (const [index, output] of made.outputs.entries()) {
    const cause = made.causes[index];
    addTicks(cause === undefined ? 0 : (places.get(cause) ?? 0));
    outputs.push(output);
    causes.push(cause);
  }
  addTicks(batch.events.length);
  return { outputs, causes, rejections: made.rejections };
}

/** Finds the events that have an output above the stream's limit, each with its rejection. */
async function eventsWithOversizedOutputs(
  writer: LogWriter,
  { outputs, causes }: Transformed,
  signal: AbortSignal,
): Promise<ReadonlyMap<ReceivedEvent | undefined, Rejection>> {
  const tooLarge = new Map<ReceivedEvent | undefined, Rejection>();
  for (const { index, size, limit } of await writer.oversized(outputs, signal)) {
    const cause = causes[index] as ReceivedEvent;
    const message = `its output of ${size} bytes is above the stream's ${limit} bytes`;
    tooLarge.set(cause, rejectionOf(cause, new EventRejected('too-large', message)));
  }
  return tooLarge;
}
