import type { Json } from '../json/json.ts';
import type { Decimal } from '../numbers/decimals.ts';
import { finite } from '../numbers/decimals.ts';
import type { Accumulator } from './accumulator.ts';
import { checkBounds } from './bounds.ts';

/**
 * Counts that all states of a group share, without those of the state's own last row: the next state adds it. So a row
 * that fails, and whose state is dropped, is never counted.
 */
interface Counts {
  readonly counts: Map<string, number>;
  /** The size of the values of `counts`, with `last`. */
  readonly size: number;
  last: string | undefined;
}

/** Counts the rows of each text: a jsonb object of counts. */
export const countsOfTexts: Accumulator<Counts, [string], Json> = {
  start: () => ({ counts: new Map(), size: 0, last: undefined }),
  add(state, text) {
    const { counts } = state;
    if (state.last !== undefined) counts.set(state.last, (counts.get(state.last) ?? 0) + 1);
    state.last = undefined;
    const isNew = !counts.has(text);
    const size = state.size + (isNew ? text.length : 0);
    checkBounds(counts.size + (isNew ? 1 : 0), size);
    return { counts, size, last: text };
  },
  merge(state, other) {
    const counts = new Map(totalsOf(state));
    for (const [text, count] of totalsOf(other)) counts.set(text, (counts.get(text) ?? 0) + count);
    const size = sizeOfTexts(counts);
    checkBounds(counts.size, size);
    return { counts, size, last: undefined };
  },
  result: (state) => (state.counts.size === 0 && state.last === undefined ? null : jsonOf(state)),
  save: (state) => [jsonOf(state)],
  load: ([saved]) => {
    const counts = new Map([...(saved as ReadonlyMap<string, Decimal>)].map(([text, n]) => [text, Number(n.digits)]));
    return { counts, size: sizeOfTexts(counts), last: undefined };
  },
};

const jsonOf = (state: Counts): Map<string, Decimal> =>
  new Map([...totalsOf(state)].map(([text, n]) => [text, finite(BigInt(n), 0)]));

const sizeOfTexts = (counts: ReadonlyMap<string, number>): number =>
  [...counts.keys()].reduce((size, text) => size + text.length, 0);

/** Returns the counts with that of the last row. */
function totalsOf({ counts, last }: Counts): ReadonlyMap<string, number> {
  return last === undefined ? counts : new Map(counts).set(last, (counts.get(last) ?? 0) + 1);
}
