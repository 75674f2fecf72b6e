/**
 * What an aggregate keeps of a group. `start` makes the state of a group without values; `add` returns the state with
 * one more row and leaves the old one as it was, so an event that fails changes nothing. After a state was continued,
 * only its newest continuation may be continued. `save` and `load` convert between a state and the values of its
 * columns, whose types are in the catalogue (infra/sql/catalog/aggregates.ts).
 * `merge` makes one state of those of two sessions that became one; the first is that of the earlier session. It leaves
 * both as they were. Sums of double precision are then added session by session; all else is as if the rows of the
 * second had been added to the first.
 */
export interface Accumulator<State, Args extends readonly unknown[], Result> {
  readonly start: () => State;
  /** Throws `SqlError` if the row cannot be added. */
  readonly add: (state: State, ...args: Args) => State;
  /** `constants` are the arguments that are the same for all rows; the others are undefined. */
  readonly merge: (state: State, other: State, constants: readonly unknown[]) => State;
  readonly result: (state: State) => Result | null;
  readonly save: (state: State) => readonly unknown[];
  readonly load: (columns: readonly unknown[]) => State;
}

/** Makes an accumulator whose state is one value, which is null in a group without values, and the result. */
export function ofOneValue<Value, Arg>(
  first: (arg: Arg) => Value,
  add: (value: Value, arg: Arg) => Value,
  merge: (value: Value, other: Value) => Value,
): Accumulator<Value | null, [Arg], Value> {
  return {
    start: () => null,
    add: (value, arg) => (value === null ? first(arg) : add(value, arg)),
    merge: (value, other) => (value === null ? other : other === null ? value : merge(value, other)),
    result: (value) => value,
    save: (value) => [value],
    load: ([value]) => value as Value | null,
  };
}
