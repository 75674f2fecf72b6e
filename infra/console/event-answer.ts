import { UserMistake } from '../../functions/runtime/errors.ts';
import { isPosition } from '../../functions/runtime/position.ts';
import { inspectEvent } from '../operation/inspect-event.ts';
import { type StreamPlan, sameStream } from '../pipelines/streams.ts';
import type { EventAnswer } from './answers.ts';
import type { Asked } from './asked.ts';
import { hiddenData, hiddenKey, hiddenWhole, hidingIn } from './hidden-event.ts';
import { cutText, shownBytes } from './shown-bytes.ts';
import type { ConsoleSource } from './source.ts';

/** Attributes of foreign events have no limit but that of the record. */
const MOST_ATTRIBUTE = 2_000;

function transformsOf(stream: StreamPlan, find: ConsoleSource['find']): readonly string[] {
  const steps = find.plans().flatMap(({ steps }) => steps);
  return steps.flatMap((step) =>
    step.kind === 'transform' && sameStream(step.input.stream, stream) ? [`${step.pipeline}/${step.name}`] : [],
  );
}

/** Answers one event, decoded and raw. */
export async function eventAnswer(
  { find, target, hidesData }: ConsoleSource,
  { named, signal }: Asked,
): Promise<EventAnswer> {
  const { pipeline, stream: name, shard = '', position = '' } = named;
  if (!isPosition(position)) throw new UserMistake(`'${position}' is no position: open an event from its stream`);
  const plan = find.stream(pipeline, name);
  const stream = target.streamName(plan);
  const found = await inspectEvent(target.clients.kinesis, { stream, shard, position }, signal);
  if (found === undefined)
    throw new UserMistake(`there is no event at ${position} in ${shard} of '${stream}': the log may have trimmed it`);
  const { event, record, index, entries, isAggregate, compression } = found;
  const hiding = hidingIn(plan, hidesData);
  const { sequence, traceparent, redrivenFor } = event;
  const madeBy = find
    .plans()
    .flatMap((plan) => plan.steps)
    .find((step) => [step.name, step.formerly].some((one) => event.source.startsWith(`/${step.pipeline}/${one}/`)));
  return {
    id: cutText(event.id, MOST_ATTRIBUTE),
    source: cutText(event.source, MOST_ATTRIBUTE),
    type: cutText(event.type, MOST_ATTRIBUTE),
    time: cutText(event.time, MOST_ATTRIBUTE),
    key: hiddenKey(event, hiding),
    ...(sequence === undefined ? {} : { sequence: cutText(sequence, MOST_ATTRIBUTE) }),
    ...(traceparent === undefined ? {} : { traceparent: cutText(traceparent, MOST_ATTRIBUTE) }),
    ...(redrivenFor === undefined ? {} : { redrivenFor: cutText(redrivenFor, MOST_ATTRIBUTE) }),
    data: shownBytes(hiddenData(event, hiding)),
    whole: shownBytes(hiddenWhole(event, hiding)),
    record: {
      stream,
      shard,
      sequenceNumber: record.sequenceNumber,
      partitionKey: hiding.fields.size === 0 ? record.partitionKey : 'hidden',
      arrived: new Date(record.approximateArrivalMillis).toISOString(),
      bytes: record.data.length,
      index,
      entries,
      isAggregate,
      compression,
    },
    ...(madeBy === undefined ? {} : { madeBy: `${madeBy.pipeline}/${madeBy.name}` }),
    transforms: hidesData ? [] : transformsOf(plan, find),
  };
}
