import type { Accumulator } from './accumulator.ts';

const counter: Omit<Accumulator<number, [], bigint>, 'add'> = {
  start: () => 0,
  merge: (count, other) => count + other,
  result: (count) => BigInt(count),
  save: (count) => [BigInt(count)],
  load: ([count]) => Number(count),
};

export const countOfRows: Accumulator<number, [], bigint> = { ...counter, add: (count) => count + 1 };

/** Counts its calls: null values are not added. */
export const countOfValues: Accumulator<number, [unknown], bigint> = { ...counter, add: (count) => count + 1 };
