import type { ScanToken } from 'libpg-query';
import type { Source } from './source-position.ts';
import { offsetOfByte, SqlMistake } from './source-position.ts';

/** A clause at the end of a statement that Postgres's parser does not know, in bytes of the source. */
export interface Clause {
  readonly name: 'PARTITION BY' | 'TIMESTAMP BY';
  readonly start: number;
  /** The start of its expression: the end of the word BY. */
  readonly expression: number;
  readonly end: number;
}

const NAMES: readonly (readonly [word: string, name: Clause['name']])[] = [
  ['partition', 'PARTITION BY'],
  ['timestamp', 'TIMESTAMP BY'],
];

/** Finds the clauses after FROM, in the order in which they are written. `end` is the length of the source. */
export function clausesOf(source: Source, tokens: readonly ScanToken[], end: number): readonly Clause[] {
  const found = tokens.flatMap((token, i) => {
    const name = NAMES.find(([word]) => isWord(token, word))?.[1];
    const by = tokens[i + 1];
    return name === undefined || by === undefined || !isWord(by, 'by') || !isClause(tokens, i)
      ? []
      : [{ name, start: token.start, expression: by.end }];
  });
  const second = found.find(({ name }, i) => found.findIndex((other) => other.name === name) < i);
  if (second !== undefined)
    throw new SqlMistake('invalid', {
      source,
      offset: offsetOfByte(source.text, second.start),
      problem: `there are two of ${second.name}`,
      hint: 'leave one of them out',
    });
  return found.map((clause, i) => ({ ...clause, end: found[i + 1]?.start ?? end }));
}

export const isWord = (token: ScanToken | undefined, word: string): boolean => token?.text.toLowerCase() === word;

/** Tests that words are not in parentheses, and not before FROM, where they could be a column and its name. */
export function isClause(tokens: readonly ScanToken[], index: number): boolean {
  const from = tokens.findIndex((token, i) => isWord(token, 'from') && depthAt(tokens, i) === 0);
  return from < index && depthAt(tokens, index) === 0;
}

/** Returns how many parentheses are open before a token. */
export function depthAt(tokens: readonly ScanToken[], index: number): number {
  let depth = 0;
  for (const token of tokens.slice(0, index)) depth += token.text === '(' ? 1 : token.text === ')' ? -1 : 0;
  return depth;
}
