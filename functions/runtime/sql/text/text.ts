import { SqlError } from '../errors/sql-error.ts';

/**
 * Matches half of a surrogate pair. A text is a JavaScript string without U+0000 and unpaired surrogates; positions and
 * lengths count characters (code points).
 */
const SURROGATE = /[\ud800-\udfff]/;

/** Orders texts by code point (collation "C"), which differs from the order of UTF-16 only for surrogates. */
export function compareText(a: string, b: string): number {
  if (a === b) return 0;
  if (!SURROGATE.test(a) && !SURROGATE.test(b)) return a < b ? -1 : 1;
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i += 1) {
    const [x, y] = [a.charCodeAt(i), b.charCodeAt(i)];
    if (x !== y) return codePointRank(x) - codePointRank(y);
  }
  return a.length - b.length;
}

/** Ranks surrogates above all other UTF-16 units, because they stand for higher code points. */
const codePointRank = (unit: number): number => (unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit);

export function characters(text: string): readonly string[] {
  return SURROGATE.test(text) ? Array.from(text) : text.split('');
}

export function length(text: string): number {
  return SURROGATE.test(text) ? Array.from(text).length : text.length;
}

export const octetLength = (text: string): number => Buffer.byteLength(text, 'utf8');
export const bitLength = (text: string): number => Buffer.byteLength(text, 'utf8') * 8;

/** Converts to lower case. In collation "C" only ASCII letters have a case. */
export const lower = (text: string): string => text.replace(/[A-Z]+/g, (part) => part.toLowerCase());
export const upper = (text: string): string => text.replace(/[a-z]+/g, (part) => part.toUpperCase());

export const initcap = (text: string): string =>
  text.replace(/[A-Za-z0-9]+/g, (word) => upper(word.charAt(0)) + lower(word.slice(1)));

export const concatText = (a: string, b: string): string => a + b;

function slice(text: string, from: number, to: number): string {
  return SURROGATE.test(text) ? Array.from(text).slice(from, to).join('') : text.slice(from, to);
}

export function substringFrom(text: string, start: number): string {
  return slice(text, Math.max(start - 1, 0), length(text));
}

export function substring(text: string, start: number, count: number): string {
  if (count < 0) throw new SqlError('22011', 'negative substring length not allowed');
  return slice(text, Math.max(start - 1, 0), Math.max(start - 1 + count, 0));
}

export function left(text: string, count: number): string {
  return slice(text, 0, count >= 0 ? count : Math.max(length(text) + count, 0));
}

export function right(text: string, count: number): string {
  const size = length(text);
  return slice(text, count >= 0 ? Math.max(size - count, 0) : Math.min(-count, size), size);
}

export function overlayCount(...[text, replacement, start, count]: [string, string, number, number]): string {
  if (start <= 0) throw new SqlError('22011', 'negative substring length not allowed');
  if (start + count > 2147483647) throw new SqlError('22003', 'integer out of range');
  return substring(text, 1, start - 1) + replacement + substringFrom(text, start + count);
}

export function overlay(text: string, replacement: string, start: number): string {
  return overlayCount(text, replacement, start, length(replacement));
}

export function strpos(text: string, part: string): number {
  const index = text.indexOf(part);
  return index === -1 ? 0 : length(text.slice(0, index)) + 1;
}

export const startsWith = (text: string, prefix: string): boolean => text.startsWith(prefix);
export const reverse = (text: string): string => [...characters(text)].reverse().join('');

export function replace(text: string, from: string, to: string): string {
  return from === '' ? text : text.replaceAll(from, () => to);
}

/** Replaces each character of `from` by the one at the same position in `to`, or removes it if there is none. */
export function translate(text: string, from: string, to: string): string {
  const [sources, targets] = [characters(from), characters(to)];
  const map = new Map<string, string>();
  sources.forEach((source, i) => {
    if (!map.has(source)) map.set(source, targets[i] ?? '');
  });
  return characters(text)
    .map((character) => map.get(character) ?? character)
    .join('');
}

export function splitPart(text: string, delimiter: string, field: number): string {
  if (field === 0) throw new SqlError('22023', 'field position must not be zero');
  if (text === '') return '';
  const parts = delimiter === '' ? [text] : text.split(delimiter);
  return parts[field > 0 ? field - 1 : parts.length + field] ?? '';
}

export function ascii(text: string): number {
  return text.codePointAt(0) ?? 0;
}

export function chr(code: number): string {
  if (code < 0) throw new SqlError('54000', 'character number must be positive');
  if (code === 0) throw new SqlError('54000', 'null character not permitted');
  if (code > 0x10ffff) throw new SqlError('54000', `requested character too large for encoding: ${code}`);
  if (code >= 0xd800 && code <= 0xdfff)
    throw new SqlError('54000', `requested character not valid for encoding: ${code}`);
  return String.fromCodePoint(code);
}

export const quoteLiteral = (text: string): string => {
  const quoted = `'${text.replaceAll("'", "''").replaceAll('\\', '\\\\')}'`;
  return text.includes('\\') ? `E${quoted}` : quoted;
};

export const quoteNullable = (text: string | null): string => (text === null ? 'NULL' : quoteLiteral(text));

export const sameText = (text: string): string => text;
