import { describeStream } from '../../../functions/runtime/log/shards.ts';
import type { StepPlan } from '../../pipelines/plan.ts';
import { inspectEvent } from '../inspect-event.ts';
import { type MadeFrom, type Origin, originOf } from './origin.ts';
import { compare, runAgain, transformOf, type Verdict } from './run-again.ts';
import type { TracedEvent } from './traced-event.ts';
import type { MadeOf, Tracing } from './tracing.ts';
import { whyChange } from './why-change.ts';

/** An event and how it came about: the next link of a chain is the input that its step made it of. */
export interface Link {
  readonly traced: TracedEvent;
  readonly origin: Origin;
  /** Set where a transform made the event, or a table: whether it makes the same again. */
  readonly verdict?: Verdict | undefined;
  /** Set where a table made the event, and its input was read: the events that it is made of. */
  readonly madeOf?: MadeOf | undefined;
}

/**
 * Follows an event back, from step to step, to the event that came in from outside. Every transform on the way runs
 * again on its input, and every table on its whole input; the way goes on with the last event that a change was made
 * of. It ends early where the log no longer holds an input.
 */
export async function traceBack(traced: TracedEvent, tracing: Tracing): Promise<readonly Link[]> {
  const steps = tracing.find.plans().flatMap((plan) => plan.steps);
  const links: Link[] = [];
  let now: TracedEvent | undefined = traced;
  while (now !== undefined) {
    const origin = originOf(now.event, steps);
    if (origin.kind === 'table' && origin.step.kind === 'table' && tracing.throughTables) {
      const { madeOf, verdict } = await whyChange(origin.step, now, tracing);
      links.push({ traced: now, origin, verdict, madeOf });
      now = madeOf.events.at(-1);
      continue;
    }
    if (origin.kind !== 'transform') {
      links.push({ traced: now, origin });
      break;
    }
    const before = await inputOf(origin.step, origin.from, tracing);
    const verdict = await judge(now, { step: origin.step, index: origin.from.index, before }, tracing);
    links.push({ traced: now, origin, verdict });
    now = before;
  }
  return links;
}

/** Reads the event of which a transform has made an output. Undefined: the log no longer holds it. */
export async function inputOf(
  step: StepPlan,
  from: MadeFrom,
  { target, signal }: Tracing,
): Promise<TracedEvent | undefined> {
  if (step.kind === 'source') return undefined;
  const { stream } = step.input;
  const name = target.streamName(stream);
  const { kinesis } = target.clients;
  const { incarnation, shards } = await describeStream(kinesis, name, signal);
  if (incarnation !== from.incarnation || !shards.some(({ id }) => id === from.shard)) return undefined;
  const found = await inspectEvent(kinesis, { stream: name, shard: from.shard, position: from.position }, signal);
  if (found === undefined) return undefined;
  return { stream, shard: from.shard, event: found.event, arrivedMillis: found.record.approximateArrivalMillis };
}

async function judge(
  { event }: TracedEvent,
  of: { readonly step: StepPlan; readonly index: number; readonly before: TracedEvent | undefined },
  { find }: Tracing,
): Promise<Verdict> {
  const { step, index, before } = of;
  if (before === undefined) return { is: 'unknown', why: 'the log no longer holds its input' };
  if (step.kind !== 'transform') return { is: 'unknown', why: 'the step is another one today' };
  const transform = await transformOf(step, find.transforms(step.pipeline));
  if (transform.deterministic === false) return { is: 'unknown', why: 'the step is declared not deterministic' };
  return compare(runAgain(transform, before.event), index, event);
}
