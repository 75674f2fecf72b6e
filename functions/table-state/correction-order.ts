import type { NumberedState } from './places.ts';

/** In which order the rows of two states are corrected. */
interface OrderOfIds {
  keyOf(id: string): readonly string[];
  /** The states whose rows come after an id, and the id there. */
  after(
    id: string,
  ): readonly { readonly states: 'both' | 'former' | 'now'; readonly id: string; readonly mark: string }[];
  /** Returns an id as the states have it, and which of them has it. */
  parse(id: string): { readonly id: string; readonly states: 'both' | 'former' | 'now' };
}

/**
 * With the same key, an id is the same row in both states. With another key it is not: then the rows of the former
 * state are deleted first, under marked ids, and those of the later one inserted.
 */
export function orderOfIds({
  former,
  now,
}: {
  readonly former: NumberedState;
  readonly now: NumberedState;
}): OrderOfIds {
  const [before, after] = [former.stored.key, now.stored.key];
  if (JSON.stringify(before) === JSON.stringify(after))
    return {
      keyOf: () => after,
      after: (id) => [{ states: 'both', id, mark: '' }],
      parse: (id) => ({ id, states: 'both' }),
    };
  const isFormer = (id: string): boolean => id.startsWith(FORMER);
  const rest = (id: string): string => id.slice(FORMER.length);
  return {
    keyOf: (id) => (isFormer(id) ? before : after),
    after: (id) => [
      ...(id === '' || isFormer(id) ? [{ states: 'former', id: rest(id), mark: FORMER } as const] : []),
      { states: 'now', id: isFormer(id) ? '' : rest(id), mark: NOW },
    ],
    parse: (id) => ({ id: rest(id), states: isFormer(id) ? 'former' : 'now' }),
  };
}

/** The marks of ids, in their order. */
const FORMER = '1 ';
const NOW = '2 ';
