import { z } from 'zod';
import { type Position, sequenceNumberOf } from '../position.ts';
import type { LogRecord } from '../record-codec/record.ts';

/**
 * The target of a rewind: the first record that the log has, the first that arrived at a time or later, or the first
 * with a sequence number or a higher one.
 */
export const RewindPoint = z.lazy(() =>
  z.union([
    z.literal('earliest'),
    z.strictObject({ millis: z.number() }),
    z.strictObject({ sequenceNumber: z.string().regex(/^\d{1,56}$/) }),
  ]),
);
export type RewindPoint = Readonly<z.infer<typeof RewindPoint>>;

/**
 * The phases of a rewind. The step reads a shard that is rewound from the log itself, whatever its mapping delivers
 * meanwhile.
 * - `settling`: before the step goes back, it sends again, under the same names, the output of the records after its
 *   position. An earlier attempt may have sent that output without moving the position.
 * - `passing`: the step reads the records before the target only for their marks. Without these marks it would take an
 *   old duplicate for a new event.
 * - `reading`: the step works, from the target on.
 *
 * A shard settles before any of its ancestors goes back. Otherwise the output that it sends again could follow newer
 * output with the same keys.
 */
const Phase = z.enum(['settling', 'passing', 'reading']);

export const Rewind = z.lazy(() =>
  z.object({
    phase: Phase,
    to: RewindPoint,
    /** Set until the first record is read. Reading begins with the marks of the parents, once these have caught up. */
    fresh: z.literal(true).exactOptional(),
    /**
     * The position where the step was. The mapping has delivered everything up to here, and never delivers it again.
     */
    until: z
      .string()
      .transform((text) => text as Position)
      .exactOptional(),
    /** Set in a replay: the first record that arrived at this time or later is its end. */
    endMillis: z.number().exactOptional(),
  }),
);
export type Rewind = Readonly<z.infer<typeof Rewind>>;

/** Returns true when the step's work begins with this record. */
export function isReached(to: RewindPoint, { sequenceNumber, approximateArrivalMillis }: LogRecord): boolean {
  if (to === 'earliest') return true;
  if ('millis' in to) return approximateArrivalMillis >= to.millis;
  return BigInt(sequenceNumber) >= BigInt(to.sequenceNumber);
}

/**
 * Returns true when the target is before a position. `arrivalMillis` is the arrival time of the position's record;
 * undefined when that record is trimmed away.
 */
export function isBehind(to: RewindPoint, position: Position, arrivalMillis: number | undefined): boolean {
  if (arrivalMillis === undefined) return false;
  if (to === 'earliest') return true;
  if ('millis' in to) return to.millis <= arrivalMillis;
  return BigInt(to.sequenceNumber) <= BigInt(sequenceNumberOf(position));
}

/**
 * Returns the target for the children of a shard. Sequence numbers of a shard say nothing about its children, so these
 * are read from their start.
 */
export function pointOfChild(to: RewindPoint): RewindPoint {
  return to !== 'earliest' && 'millis' in to ? to : 'earliest';
}

export function laterOf(one: Position | undefined, other: Position | undefined): Position | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return one > other ? one : other;
}
