import { z } from 'zod';
import { type Position, sequenceNumberOf } from '../position.ts';
import type { LogRecord } from '../record-codec/record.ts';

/**
 * Where a rewind leads: to the first record that the log holds, to the first that arrived at a time or later, or to the
 * first with a sequence number or a higher one.
 */
export const RewindPoint = z.union([
  z.literal('earliest'),
  z.strictObject({ millis: z.number() }),
  z.strictObject({ sequenceNumber: z.string().regex(/^\d{1,56}$/) }),
]);
export type RewindPoint = Readonly<z.infer<typeof RewindPoint>>;

/**
 * A shard that is rewound is read from the log by the step itself, whatever its mapping delivers meanwhile. `settling`:
 * before it goes back, what may have been sent from the position on, without the position having moved, is sent once
 * more under its old names. `passing`: records before the target are read for the marks they leave, and for nothing
 * else; without them an old repeat would be taken for news. `reading`: from the target on it works.
 *
 * A shard settles before any that it comes from goes back, or what it sends under its old names would come after news
 * of the same keys.
 */
const Phase = z.enum(['settling', 'passing', 'reading']);

export const Rewind = z.object({
  phase: Phase,
  to: RewindPoint,
  /** Nothing is read yet: it begins with the marks of its parents, when those are through. */
  fresh: z.literal(true).exactOptional(),
  /** Where the step stood: what its mapping delivered up to here is never delivered again. */
  until: z
    .string()
    .transform((text) => text as Position)
    .exactOptional(),
  /** Of a replay: the first record that arrived then or later is its end. */
  endMillis: z.number().exactOptional(),
});
export type Rewind = Readonly<z.infer<typeof Rewind>>;

/** Whether real work begins with this record. */
export function isReached(to: RewindPoint, { sequenceNumber, approximateArrivalMillis }: LogRecord): boolean {
  if (to === 'earliest') return true;
  if ('millis' in to) return approximateArrivalMillis >= to.millis;
  return BigInt(sequenceNumber) >= BigInt(to.sequenceNumber);
}

/** Whether the target is behind a position, the record of which arrived then: undefined when it is trimmed away. */
export function isBehind(to: RewindPoint, position: Position, arrivalMillis: number | undefined): boolean {
  if (arrivalMillis === undefined) return false;
  if (to === 'earliest') return true;
  if ('millis' in to) return to.millis <= arrivalMillis;
  return BigInt(to.sequenceNumber) <= BigInt(sequenceNumberOf(position));
}

/** A shard's numbers say nothing of its children: those are read from their start. */
export function pointOfChild(to: RewindPoint): RewindPoint {
  return to !== 'earliest' && 'millis' in to ? to : 'earliest';
}

export function laterOf(one: Position | undefined, other: Position | undefined): Position | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return one > other ? one : other;
}
