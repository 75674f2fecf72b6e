import { shardKey } from '../../../functions/runtime/checkpoints/shard-states.ts';
import { decodeState } from '../../../functions/runtime/checkpoints/step-state.ts';
import { describeStream } from '../../../functions/runtime/log/shards.ts';
import { sequenceAt } from '../../../functions/runtime/position.ts';
import type { ReaderPlan } from '../../pipelines/plan.ts';
import { sameStream } from '../../pipelines/streams.ts';
import { openStates, ProgressOutOfReach } from '../sink-progress.ts';
import { findEvents } from './find-events.ts';
import { runAgain, transformOf } from './run-again.ts';
import type { TracedEvent } from './traced-event.ts';
import type { Tracing } from './tracing.ts';

/** What one step has made of an event. */
export interface Reached {
  readonly step: ReaderPlan;
  /**
   * - `waiting`: the step has not come to the event
   * - `passed`: a sink or a table has taken it, or has made a dead letter of it
   * - `made`: a transform makes events of it; none when it drops the event
   * - `refused`: a transform refuses it
   * - `unknown`: the step's position is out of reach
   */
  readonly outcome: 'waiting' | 'passed' | 'made' | 'refused' | 'unknown';
  readonly why?: string;
  readonly outputs: readonly ReachedOutput[];
}

/** An output that a transform makes of an event. */
export interface ReachedOutput {
  /** Undefined: the log does not hold it. */
  readonly traced: TracedEvent | undefined;
  readonly type: string;
  readonly key: string;
  readonly onward: readonly Reached[];
}

/** Follows an event on, through every step that reads its stream, to the sinks and tables. */
export async function traceForward(traced: TracedEvent, tracing: Tracing): Promise<readonly Reached[]> {
  const readers = tracing.find
    .plans()
    .flatMap((plan) => plan.steps)
    .filter((step): step is ReaderPlan => step.kind !== 'source' && sameStream(step.input.stream, traced.stream))
    // A dead letter that was put back is for one step.
    .filter(({ pipeline, name }) => [undefined, `${pipeline}/${name}`].includes(traced.event.redrivenFor));
  const reached: Reached[] = [];
  for (const step of readers) reached.push(await reachedBy(step, traced, tracing));
  return reached;
}

async function reachedBy(step: ReaderPlan, traced: TracedEvent, tracing: Tracing): Promise<Reached> {
  const { target, signal } = tracing;
  const stream = target.streamName(step.input.stream);
  const { incarnation } = await describeStream(target.clients.kinesis, stream, signal);
  const has = await hasPassed(step, traced, { incarnation, tracing });
  if (has !== true) return { step, outputs: [], ...has };
  if (step.kind !== 'transform') return { step, outcome: 'passed', outputs: [] };
  const answer = runAgain(await transformOf(step, tracing.find.transforms(step.pipeline)), traced.event);
  if ('refusal' in answer) return { step, outcome: 'refused', why: answer.refusal, outputs: [] };
  const names = [step.name, step.formerly].flatMap((name) => name ?? []);
  const prefixes = names.map((name) => `/${step.pipeline}/${name}/${incarnation}/${traced.shard}/`);
  const outputs: ReachedOutput[] = [];
  for (const [index, { type, key }] of answer.outputs.entries()) {
    const sequence = sequenceAt(traced.event.position, index);
    const { event } = await findEvents(tracing, {
      stream: step.output,
      from: new Date(traced.arrivedMillis),
      matches: (found) => found.sequence === sequence && prefixes.some((prefix) => found.source.startsWith(prefix)),
      want: 'first',
      signal,
    });
    outputs.push({ traced: event, type, key, onward: event === undefined ? [] : await traceForward(event, tracing) });
  }
  return { step, outcome: 'made', outputs };
}

/** Tells whether a step's position has passed the event, or why not. */
async function hasPassed(
  step: ReaderPlan,
  { shard, event }: TracedEvent,
  { incarnation, tracing }: { readonly incarnation: string; readonly tracing: Tracing },
): Promise<true | Pick<Reached, 'outcome' | 'why'>> {
  try {
    await using states = await openStates(step, tracing.target, tracing.signal);
    const stored = await states.load(shardKey({ incarnation }, shard), tracing.signal);
    const state = stored === undefined ? undefined : decodeState(stored.state);
    const isPast = state?.ended === true || (state?.position !== undefined && state.position >= event.position);
    return isPast ? true : { outcome: 'waiting' };
  } catch (error) {
    if (error instanceof ProgressOutOfReach) return { outcome: 'unknown', why: error.message };
    throw error;
  }
}
