import { UserMistake } from '../../functions/runtime/errors.ts';
import { isPosition } from '../../functions/runtime/position.ts';
import { inspectEvent } from '../operation/inspect-event.ts';
import type { Verdict } from '../operation/lineage/run-again.ts';
import { type Link, traceBack } from '../operation/lineage/trace-back.ts';
import { type Reached, traceForward } from '../operation/lineage/trace-forward.ts';
import type { TracedEvent } from '../operation/lineage/traced-event.ts';
import type { TraceAnswer, TraceLink, TracePlace, TraceStep } from './answers.ts';
import type { Asked } from './asked.ts';
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
  const tracing = { find, target, signal, throughTables: query.get('tables') === '1' };
  const shown: ShownWords = hidesData ? HIDING : SHOWING;
  const back = (await traceBack(traced, tracing)).map((link) => linkOf(link, shown));
  if (query.get('onward') !== '1') return { back };
  const onward = (await traceForward(traced, tracing)).map((reached) => stepOf(reached, shown));
  return { back, onward };
}

/** What is shown of what a producer wrote. Messages quote values. */
interface ShownWords {
  key(key: string): string;
  why(why: string): string;
}

const SHOWING: ShownWords = { key: (key) => key, why: (why) => cutText(why, MOST_NAME) };
const HIDING: ShownWords = { key: () => 'hidden', why: () => 'the reason is hidden, because it may quote a value' };

function placeOf({ stream, shard, event, arrivedMillis }: TracedEvent, shown: ShownWords): TracePlace {
  return {
    stream: streamOf(stream),
    shard,
    position: event.position,
    type: cutText(event.type, MOST_NAME),
    key: shown.key(event.key),
    arrived: new Date(arrivedMillis).toISOString(),
  };
}

function linkOf({ traced, origin, verdict, madeOf }: Link, shown: ShownWords): TraceLink {
  return {
    ...placeOf(traced, shown),
    origin: origin.kind,
    ...(origin.kind === 'elsewhere' ? {} : { madeBy: `${origin.step.pipeline}/${origin.step.name}` }),
    ...(origin.kind === 'transform' ? { generation: origin.from.generation } : {}),
    ...(verdict === undefined ? {} : { verdict: shownVerdict(verdict, shown) }),
    ...(madeOf === undefined
      ? {}
      : { madeOf: { count: madeOf.count, before: madeOf.events.slice(0, -1).map((one) => placeOf(one, shown)) } }),
  };
}

/** A verdict that something differs may quote why the input is refused. */
function shownVerdict(verdict: Verdict, shown: ShownWords): Verdict {
  return verdict.is === 'different' ? { is: 'different', why: shown.why(verdict.why) } : verdict;
}

function stepOf({ step, outcome, why, outputs }: Reached, shown: ShownWords): TraceStep {
  return {
    step: `${step.pipeline}/${step.name}`,
    kind: step.kind,
    outcome,
    ...(why === undefined ? {} : { why: outcome === 'unknown' ? cutText(why, MOST_NAME) : shown.why(why) }),
    outputs: outputs.map(({ traced, type, key, onward }) => ({
      type: cutText(type, MOST_NAME),
      key: shown.key(key),
      ...(traced === undefined ? {} : { place: placeOf(traced, shown) }),
      onward: onward.map((reached) => stepOf(reached, shown)),
    })),
  };
}
