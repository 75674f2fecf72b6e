import type { Accumulator } from './accumulator.ts';

/** The value of the row that comes last (or first) in some order, and its place in that order: null without rows. */
interface Placed<Value, Place> {
  readonly value: Value | null;
  readonly place: Place | null;
}

type ByOrder<Value, Place> = Accumulator<Placed<Value, Place>, [Value | null, Place | null], Value>;

/** Keeps the value of the row with the greatest place; of equal places that of the later row. Skips null places. */
export const latestBy = <Value, Place>(compare: (a: Place, b: Place) => number): ByOrder<Value, Place> =>
  keptIf((place, known) => compare(place, known) >= 0);

/** Keeps the value of the row with the least place; of equal places that of the earlier row. Skips null places. */
export const earliestBy = <Value, Place>(compare: (a: Place, b: Place) => number): ByOrder<Value, Place> =>
  keptIf((place, known) => compare(place, known) < 0);

const keptIf = <Value, Place>(isBetter: (place: Place, known: Place) => boolean): ByOrder<Value, Place> => {
  const add: ByOrder<Value, Place>['add'] = (kept, value, place) =>
    place === null || (kept.place !== null && !isBetter(place, kept.place)) ? kept : { value, place };
  return {
    start: () => ({ value: null, place: null }),
    add,
    merge: (kept, { value, place }) => add(kept, value, place),
    result: ({ value }) => value,
    save: ({ value, place }) => [value, place],
    load: ([value, place]) => ({ value: value as Value | null, place: place as Place | null }),
  };
};
