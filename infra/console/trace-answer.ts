import { UserMistake } from '../../functions/runtime/errors.ts';
import { isPosition } from '../../functions/runtime/position.ts';
import { inspectEvent } from '../operation/inspect-event.ts';
import { type Link, traceBack } from '../operation/lineage/trace-back.ts';
import { type Reached, traceForward } from '../operation/lineage/trace-forward.ts';
import type { TracedEvent } from '../operation/lineage/traced-event.ts';
import type { TraceAnswer, TraceLink, TracePlace, TraceStep } from './answers.ts';
import type { Asked } from './routes.ts';
import { cutText } from './shown-bytes.ts';
import type { ConsoleSource } from './source.ts';
import { streamOf } from './stream-of.ts';

const MOST_NAME = 256;

/** Answers the way of one event: back to where it came in and, with `onward=1`, on to the sinks and tables. */
export async function traceAnswer(
  { find, target, hidesData }: ConsoleSource,
  { named, query, signal }: Asked,
): Promise<TraceAnswer> {
  const { pipeline, stream: name, shard = '', position = '' } = named;
  if (!isPosition(position)) throw new UserMistake(`'${position}' is no position: open an event from its stream`);
  const stream = find.stream(pipeline, name);
  const at = { stream: target.streamName(stream), shard, position };
  const found = await inspectEvent(target.clients.kinesis, at, signal);
  if (found === undefined)
    throw new UserMistake(`there is no event at ${position} in ${shard}: the log may have trimmed it`);
  const traced = { stream, shard, event: found.event, arrivedMillis: found.record.approximateArrivalMillis };
  const tracing = { find, target, signal, throughTables: false };
  const shownKey = (key: string): string => (hidesData ? 'hidden' : key);
  const back = (await traceBack(traced, tracing)).map((link) => linkOf(link, shownKey));
  if (query.get('onward') !== '1') return { back };
  const onward = (await traceForward(traced, tracing)).map((reached) => stepOf(reached, shownKey));
  return { back, onward };
}

type ShownKey = (key: string) => string;

function placeOf({ stream, shard, event, arrivedMillis }: TracedEvent, shownKey: ShownKey): TracePlace {
  return {
    stream: streamOf(stream),
    shard,
    position: event.position,
    type: cutText(event.type, MOST_NAME),
    key: shownKey(event.key),
    arrived: new Date(arrivedMillis).toISOString(),
  };
}

function linkOf({ traced, origin, verdict }: Link, shownKey: ShownKey): TraceLink {
  return {
    ...placeOf(traced, shownKey),
    origin: origin.kind,
    ...(origin.kind === 'elsewhere' ? {} : { madeBy: `${origin.step.pipeline}/${origin.step.name}` }),
    ...(origin.kind === 'transform' ? { generation: origin.from.generation } : {}),
    ...(verdict === undefined ? {} : { verdict }),
  };
}

function stepOf({ step, outcome, why, outputs }: Reached, shownKey: ShownKey): TraceStep {
  return {
    step: `${step.pipeline}/${step.name}`,
    kind: step.kind,
    outcome,
    ...(why === undefined ? {} : { why: cutText(why, MOST_NAME) }),
    outputs: outputs.map(({ traced, type, key, onward }) => ({
      type: cutText(type, MOST_NAME),
      key: shownKey(key),
      ...(traced === undefined ? {} : { place: placeOf(traced, shownKey) }),
      onward: onward.map((reached) => stepOf(reached, shownKey)),
    })),
  };
}
