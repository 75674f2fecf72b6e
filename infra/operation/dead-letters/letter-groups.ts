import type { KnownLetter } from './dead-letters.ts';

/** Dead letters of one step and reason whose messages differ in their values only. */
export interface LetterGroup {
  readonly pipeline: string;
  readonly step: string;
  readonly reason: string;
  /** The message, with `…` in the place of each value. */
  readonly pattern: string;
  readonly letters: readonly KnownLetter[];
}

/** Groups dead letters by step, reason and what is wrong: the field stays in a message, the values do not. */
export function groupLetters(letters: readonly KnownLetter[]): readonly LetterGroup[] {
  const groups = Map.groupBy(letters, (letter) => {
    const { pipeline, step, reason, message } = letter;
    return JSON.stringify([pipeline, step, reason, patternOf(message)]);
  });
  return [...groups.values()]
    .flatMap((group) => {
      const [first] = group;
      if (first === undefined) return [];
      const { pipeline, step, reason, message } = first;
      return [{ pipeline, step, reason, pattern: patternOf(message), letters: group }];
    })
    .sort((a, b) => b.letters.length - a.letters.length);
}

const MOST_CHARACTERS = 200;

/** Replaces what may differ from event to event: quoted text that is no column, and numbers. */
function patternOf(message: string): string {
  const short = message.slice(0, MOST_CHARACTERS).replaceAll(/\s+/g, ' ').toWellFormed();
  return short.replaceAll(/column "[^"]*"|"[^"]*"|-?\d(?:[\d.,:T+-]*\d)?Z?/g, (found) =>
    found.startsWith('column ') ? found : '…',
  );
}
