import { redriveVersion } from '../dead-letters/redriven.ts';

/**
 * A version of what a sink has stored: a write wins only where its version is higher than the stored one. It is one
 * whole number of 63 bits, as OpenSearch takes them: a generation of 15 bits above an ordinal of 48. Neither fits a
 * number of JavaScript together, so versions are big integers, and are written and read as digits.
 */
const ORDINAL_BITS = 48n;
const HIGHEST_GENERATION = 2 ** 15 - 1;

/**
 * How far the numbering of a shard leaps where another numbering of the same events may be in flight. No attempt at a
 * batch numbers as many: it is as many events as one record can hold.
 */
export const LEAP = 2 ** 24;

/**
 * Returns the least number with which a numbering that leaps now goes on: above every number that was given before,
 * also where nobody remembers them, because the checkpoints were restored to an earlier state. It grows by the clock,
 * four times as fast as a shard can take events of one byte in a record of its own, and as leaps once a minute.
 */
export function leastOrdinal(nowMillis: number): number {
  return Math.min(Math.max(0, nowMillis - COUNTED_FROM_MILLIS) * ORDINALS_A_MILLISECOND, HALF_OF_ORDINALS);
}

const COUNTED_FROM_MILLIS = Date.UTC(2026, 0, 1);
const ORDINALS_A_MILLISECOND = 256;
/** Reached in 2043. From then on a leap is no more than a leap. */
const HALF_OF_ORDINALS = 2 ** 47;

export function versionOf({ generation, ordinal }: { readonly generation: number; readonly ordinal: number }): bigint {
  return (BigInt(generation) << ORDINAL_BITS) | BigInt(ordinal);
}

/** Returns the generation after the highest one that is known of a destination. Throws when there is none. */
export function generationAfter(highest: number, destination: string): number {
  if (highest < HIGHEST_GENERATION) return highest + 1;
  throw new Error(
    `${destination} has had ${HIGHEST_GENERATION} generations, and its versions have room for no more: write into a fresh one`,
  );
}

/** Reads the version that a dead letter had when it was put back. Undefined: it had none. */
export function versionOfRedriven(redrivenFrom: string): bigint | undefined {
  const digits = redriveVersion(redrivenFrom);
  return digits === undefined ? undefined : BigInt(digits);
}
