import { SqlError } from '../errors/sql-error.ts';
import { lower } from './text.ts';

/** Evaluates LIKE: `%` matches any text, `_` any one character; a backslash makes the next character literal. */
export const like = (text: string, pattern: string): boolean => matchesLike(text, pattern);
export const notLike = (text: string, pattern: string): boolean => !matchesLike(text, pattern);
export const ilike = (text: string, pattern: string): boolean => matchesLike(lower(text), lower(pattern));
export const notIlike = (text: string, pattern: string): boolean => !ilike(text, pattern);

/** Rewrites a pattern with another escape character for the backslash. An empty escape switches escaping off. */
export function likeEscape(pattern: string, escapeWith: string): string {
  const units = Array.from(escapeWith);
  if (units.length > 1)
    throw new SqlError('22025', 'invalid escape string: escape string must be empty or one character');
  if (escapeWith === '\\') return pattern;
  if (escapeWith === '') return pattern.replaceAll('\\', '\\\\');
  let result = '';
  let escaped = false;
  for (const character of pattern) {
    if (character === escapeWith && !escaped) {
      result += '\\';
      escaped = true;
      continue;
    }
    result += character === '\\' && !escaped ? '\\\\' : character;
    escaped = false;
  }
  return result;
}

/** The most characters that one match compares. */
const MAX_COMPARED = 2 ** 26;

/**
 * Matches a pattern. Backtracks only to the last `%`, so it compares at most as often as the product of both lengths.
 * The pattern may come from the event too, so that product is bounded.
 */
export function matchesLike(text: string, pattern: string, maxCompared = MAX_COMPARED): boolean {
  let compared = 0;
  let [t, p] = [0, 0];
  let [retryText, retryPattern] = [-1, -1];
  while (t < text.length) {
    compared += 1;
    if (compared > maxCompared)
      throw new SqlError('54000', `LIKE compares more than ${maxCompared} characters: use a shorter pattern`);
    const wanted = pattern.charCodeAt(p);
    if (wanted === PERCENT) {
      p += 1;
      retryPattern = p;
      retryText = t;
      continue;
    }
    if (wanted === BACKSLASH && p + 1 >= pattern.length)
      throw new SqlError('22025', 'LIKE pattern must not end with escape character');
    const width = wanted === BACKSLASH ? 2 : 1;
    if (wanted === UNDERSCORE || pattern.charCodeAt(p + width - 1) === text.charCodeAt(t)) {
      t += wanted === UNDERSCORE ? characterLength(text, t) : 1;
      p += width;
      continue;
    }
    if (retryPattern === -1) return false;
    retryText += characterLength(text, retryText);
    t = retryText;
    p = retryPattern;
  }
  while (pattern.charCodeAt(p) === PERCENT) p += 1;
  return p === pattern.length;
}

const [PERCENT, UNDERSCORE, BACKSLASH] = ['%', '_', '\\'].map((mark) => mark.charCodeAt(0));

function characterLength(text: string, at: number): number {
  const unit = text.charCodeAt(at);
  return unit >= 0xd800 && unit <= 0xdbff ? 2 : 1;
}
