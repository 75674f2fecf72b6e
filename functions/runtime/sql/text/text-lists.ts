import { characters } from './text.ts';

/** Concatenates the texts of the arguments; ignores nulls. */
export function concat(parts: readonly (string | null)[]): string {
  return parts.filter((part) => part !== null).join('');
}

export function concatWs(separator: string | null, parts: readonly (string | null)[]): string | null {
  return separator === null ? null : parts.filter((part) => part !== null).join(separator);
}

export function stringToArray(text: string | null, delimiter: string | null): readonly (string | null)[] | null {
  return stringToArrayNull(text, delimiter, null);
}

export function stringToArrayNull(
  text: string | null,
  delimiter: string | null,
  nullText: string | null,
): readonly (string | null)[] | null {
  if (text === null) return null;
  if (text === '') return [];
  const parts = delimiter === null ? characters(text) : delimiter === '' ? [text] : text.split(delimiter);
  return nullText === null ? parts : parts.map((part) => (part === nullText ? null : part));
}
