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
  result: (state) => (state.counts.size === 0 && state.last === undefined ? null : jsonOf(state)),
  save: (state) => [jsonOf(state)],
  load: ([saved]) => {
    const counts = new Map([...(saved as ReadonlyMap<string, Decimal>)].map(([text, n]) => [text, Number(n.digits)]));
    return { counts, size: [...counts.keys()].reduce((size, text) => size + text.length, 0), last: undefined };
  },
};

function jsonOf({ counts, last }: Counts): Map<string, Decimal> {
  const json = new Map([...counts].map(([text, n]) => [text, finite(BigInt(n), 0)]));
  if (last !== undefined) json.set(last, finite(BigInt((counts.get(last) ?? 0) + 1), 0));
  return json;
}
