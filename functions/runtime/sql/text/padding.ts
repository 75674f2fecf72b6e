import { SqlError } from '../errors/sql-error.ts';
import { characters, length } from './text.ts';

/** The longest result, in characters; a longer one is an error. Postgres's own limit is a gigabyte. */
const MAX_LENGTH = 2 ** 26;

function tooLong(): never {
  throw new SqlError('54000', `requested length too large: a result may have at most ${MAX_LENGTH} characters`);
}

export function repeat(text: string, count: number): string {
  if (count <= 0) return '';
  if (text.length * count > MAX_LENGTH) tooLong();
  return text.repeat(count);
}

function fill(text: string, width: number, filling: string): { kept: string; added: string } {
  if (width > MAX_LENGTH) tooLong();
  const kept = characters(text).slice(0, Math.max(width, 0)).join('');
  const missing = width - length(kept);
  const units = characters(filling);
  if (missing <= 0 || units.length === 0) return { kept, added: '' };
  const added = filling.repeat(Math.floor(missing / units.length)) + units.slice(0, missing % units.length).join('');
  return { kept, added };
}

export function lpad(text: string, width: number, filling: string): string {
  const { kept, added } = fill(text, width, filling);
  return added + kept;
}

export function rpad(text: string, width: number, filling: string): string {
  const { kept, added } = fill(text, width, filling);
  return kept + added;
}

export const lpadSpaces = (text: string, width: number): string => lpad(text, width, ' ');
export const rpadSpaces = (text: string, width: number): string => rpad(text, width, ' ');

function trimmed(text: string, set: string, ends: { left: boolean; right: boolean }): string {
  const units = characters(text);
  const taken = new Set(characters(set));
  let [from, to] = [0, units.length];
  if (ends.left) while (from < to && taken.has(units[from] ?? '')) from += 1;
  if (ends.right) while (to > from && taken.has(units[to - 1] ?? '')) to -= 1;
  return units.slice(from, to).join('');
}

export const btrim = (text: string, set: string): string => trimmed(text, set, { left: true, right: true });
export const ltrim = (text: string, set: string): string => trimmed(text, set, { left: true, right: false });
export const rtrim = (text: string, set: string): string => trimmed(text, set, { left: false, right: true });
export const btrimSpaces = (text: string): string => btrim(text, ' ');
export const ltrimSpaces = (text: string): string => ltrim(text, ' ');
export const rtrimSpaces = (text: string): string => rtrim(text, ' ');
