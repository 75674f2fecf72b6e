import { saveState } from '../checkpoints/shard-states.ts';
import { EventRejected } from '../errors.ts';
import type { OutgoingEvent, ReceivedEvent } from '../event.ts';
import type { LogWriter } from '../log/log-writer.ts';
import { MOST_OUTPUTS, sequenceAt } from '../position.ts';
import { type Rejection, rejectionOf } from '../rejection.ts';
import type { Step } from '../step.ts';
import type { Transform } from '../transform.ts';
import type { Batch } from './batch.ts';
import type { Done, Turn } from './batch-work.ts';
import { endParents } from './drained-inputs.ts';
import type { ShardInput } from './shard-input.ts';

/**
 * Appends first, then stores the dead letters, then moves the checkpoint: what a crash in between repeats is the same
 * events under the same sequences, and readers drop it.
 */
export async function transformBatch(
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
