import type { Accumulator } from './accumulator.ts';
import { checkBounds, sizeOf } from './bounds.ts';
import type { Identity } from './identity.ts';
import { identityOfAll } from './identity.ts';
import type { Sorting } from './sorting.ts';
import { compareRows } from './sorting.ts';

/** How the rows of a group are kept for an aggregate with DISTINCT or ORDER BY. */
export interface Collecting {
  /** The number of arguments; the values that only ORDER BY names follow them. */
  readonly args: number;
  /** The identities of the arguments, for DISTINCT. */
  readonly distinct: readonly ((value: never) => Identity)[] | undefined;
  readonly sorting: readonly Sorting[];
  /** For each value its conversions to text and back. */
  readonly texts: readonly (readonly [toText: (value: never) => string, fromText: (text: string) => unknown])[];
}

/** The first `count` rows of a list that all states of a group share. */
interface Rows {
  readonly list: (readonly unknown[])[];
  readonly identities: Identity[];
  readonly seen: Set<Identity>;
  readonly count: number;
  readonly size: number;
}

type RowsAccumulator = Accumulator<Rows, readonly unknown[], unknown>;

/** Keeps the rows of a group, and gives them to another accumulator in order, and once each. */
export function collected(
  inner: Accumulator<never, readonly never[], unknown>,
  { args, distinct, sorting, texts }: Collecting,
): RowsAccumulator {
  const start = (): Rows => ({ list: [], identities: [], seen: new Set(), count: 0, size: 0 });
  const add = (rows: Rows, ...row: readonly unknown[]): Rows => {
    const { list, identities, seen, count } = rows;
    for (const dropped of identities.splice(count)) seen.delete(dropped);
    list.length = count;
    if (distinct !== undefined) {
      const identity = identityOfAll(row.slice(0, args), distinct);
      if (seen.has(identity)) return rows;
      identities.push(identity);
      seen.add(identity);
    }
    list.push(row);
    const size = rows.size + sizeOf(row);
    checkBounds(count + 1, size);
    return { list, identities, seen, count: count + 1, size };
  };
  return {
    start,
    add,
    merge: (rows, other) =>
      [...rows.list.slice(0, rows.count), ...other.list.slice(0, other.count)].reduce<Rows>(
        (merged, row) => add(merged, ...row),
        start(),
      ),
    result({ list, count }) {
      const sorted = list.slice(0, count).sort((a, b) => compareRows(sorting, a, b));
      const state = sorted.reduce<unknown>(
        (before, row) => inner.add(before as never, ...(row.slice(0, args) as never[])),
        inner.start(),
      );
      return inner.result(state as never);
    },
    save: ({ list, count }) =>
      texts.map(([toText], i) => list.slice(0, count).map((row) => (row[i] === null ? null : toText(row[i] as never)))),
    load(columns) {
      const [first = []] = columns as readonly (readonly (string | null)[])[];
      return first.reduce<Rows>((rows, _, n) => {
        const row = texts.map(([, fromText], i) => {
          const text = (columns[i] as readonly (string | null)[])[n] ?? null;
          return text === null ? null : fromText(text);
        });
        return add(rows, ...row);
      }, start());
    },
  };
}
