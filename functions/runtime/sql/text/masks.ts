import { characters } from './text.ts';

/**
 * The characters of ksqlDB's masks. By default an upper-case letter becomes X, a lower-case letter x, a digit n and any
 * other character -, in every script. Null leaves such characters unmasked.
 */
type With = [upper?: string | null, lower?: string | null, digit?: string | null, other?: string | null];

export const mask = (text: string, ...by: With): string => masked(text, () => true, by);

export const maskLeft = (text: string, count: number, ...by: With): string => masked(text, (i) => i < count, by);

export const maskRight = (text: string, count: number, ...by: With): string =>
  masked(text, (i, size) => i >= size - count, by);

export const maskKeepLeft = (text: string, count: number, ...by: With): string => masked(text, (i) => i >= count, by);

export const maskKeepRight = (text: string, count: number, ...by: With): string =>
  masked(text, (i, size) => i < size - count, by);

/** Masks a text with the given characters, some of which may be null. */
export const maskWith = (text: string | null, ...by: With): string | null => (text === null ? null : mask(text, ...by));

type Counted = (text: string, count: number, ...by: With) => string;
const orNull =
  (masking: Counted) =>
  (text: string | null, count: number | null, ...by: With): string | null =>
    text === null || count === null ? null : masking(text, count, ...by);

export const maskLeftWith = orNull(maskLeft);
export const maskRightWith = orNull(maskRight);
export const maskKeepLeftWith = orNull(maskKeepLeft);
export const maskKeepRightWith = orNull(maskKeepRight);

function masked(text: string, isMasked: (index: number, size: number) => boolean, by: With): string {
  const units = characters(text);
  return units.map((unit, i) => (isMasked(i, units.length) ? maskCharacter(unit, by) : unit)).join('');
}

function maskCharacter(character: string, [upper = 'X', lower = 'x', digit = 'n', other = '-']: With): string {
  const by = /\p{Lu}/u.test(character)
    ? upper
    : /\p{Ll}/u.test(character)
      ? lower
      : /\p{Nd}/u.test(character)
        ? digit
        : other;
  return by ?? character;
}
