import { sequenceNumberOf } from '../../../functions/runtime/position.ts';
import type { Link } from '../../operation/lineage/trace-back.ts';
import { streamTitle } from '../../operation/lineage/traced-event.ts';

/** Formats an event and its origin as a line of JSON. */
export function linkLine({ traced: { stream, shard, event, arrivedMillis }, origin, verdict, madeOf }: Link): string {
  const { id, source, type, key, time, position } = event;
  const madeBy = origin.kind === 'elsewhere' ? undefined : `${origin.step.pipeline}/${origin.step.name}`;
  return JSON.stringify({
    stream: streamTitle(stream),
    shard,
    sequenceNumber: sequenceNumberOf(position),
    arrived: new Date(arrivedMillis).toISOString(),
    id,
    source,
    type,
    key,
    time,
    origin: origin.kind,
    madeBy,
    generation: origin.kind === 'transform' ? origin.from.generation : undefined,
    verdict,
    madeOf: madeOf?.count,
  });
}
