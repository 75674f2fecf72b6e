/** Draws numbers from 0 (included) to 1 (not included). */
export type Random = () => number;

/**
 * Returns the random numbers of one event: always the same for the same seed and number, so an event can be made again
 * without those before it. `purpose` tells apart what is drawn for one number.
 */
export function randomAt(seed: number, number: number, purpose: number): Random {
  // sfc32 by Chris Doty-Humphrey (PractRand), seeded with all four words.
  let [a, b, c, d] = [seed | 0, number | 0, (number / 2 ** 32) | 0, purpose | 0];
  const next = (): number => {
    const sum = (((a + b) | 0) + d) | 0;
    d = (d + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + sum;
    return sum >>> 0;
  };
  for (let round = 0; round < WARM_UP_ROUNDS; round++) next();
  return () => next() / 2 ** 32;
}

const WARM_UP_ROUNDS = 12;

/** Draws a whole number from `from` to `to`, both included. */
export function wholeNumber(random: Random, from: number, to: number): number {
  return from + Math.floor(random() * (to - from + 1));
}

export function oneOf<T>(random: Random, from: readonly T[]): T {
  return from[wholeNumber(random, 0, from.length - 1)] as T;
}
