import { SqlError } from '../errors/sql-error.ts';
import { translateRegex } from './regex-syntax.ts';
import { length } from './text.ts';

/** A cache of compiled regular expressions; most patterns are literals. */
const compiled = new Map<string, RegExp>();
const KEPT = 200;

interface Wanted {
  readonly anyCase: boolean;
  /** Whether the matched text matters, and not only whether there is a match. */
  readonly extent: boolean;
}

function compile(pattern: string, { anyCase, extent }: Wanted): RegExp {
  const key = `${anyCase ? 'i' : 'c'}${extent ? 'e' : 't'}${pattern}`;
  const known = compiled.get(key);
  if (known !== undefined) return known;
  const { source, sameExtent } = translateRegex(pattern, anyCase);
  if (extent && !sameExtent)
    throw new SqlError(
      '0A000',
      'alternatives, lazy quantifiers and quantified groups are supported only in tests such as ~: Postgres takes the longest match, JavaScript the first',
    );
  if (compiled.size >= KEPT) compiled.clear();
  const regex = new RegExp(source, extent ? 'gu' : 'u');
  compiled.set(key, regex);
  return regex;
}

const test = (text: string, pattern: string, anyCase: boolean): boolean =>
  compile(pattern, { anyCase, extent: false }).test(text);

export const regexMatches = (text: string, pattern: string): boolean => test(text, pattern, false);
export const regexDiffers = (text: string, pattern: string): boolean => !test(text, pattern, false);
export const regexMatchesNoCase = (text: string, pattern: string): boolean => test(text, pattern, true);
export const regexDiffersNoCase = (text: string, pattern: string): boolean => !test(text, pattern, true);

interface Flags {
  readonly anyCase: boolean;
  readonly everywhere: boolean;
}

function readFlags(flags: string, allowed: string): Flags {
  let anyCase = false;
  for (const flag of flags) {
    if (!allowed.includes(flag))
      throw new SqlError('22023', `invalid regular expression option: "${flag}"; ${allowed} are supported`);
    if (flag === 'i') anyCase = true;
    if (flag === 'c') anyCase = false;
  }
  return { anyCase, everywhere: flags.includes('g') };
}

export const regexpLike = (text: string, pattern: string, flags: string): boolean =>
  test(text, pattern, readFlags(flags, 'ic').anyCase);

export const regexpReplace = (text: string, pattern: string, replacement: string): string =>
  replaceBy([text, pattern, replacement], { anyCase: false, everywhere: false });

export function regexpReplaceFlags(...[text, pattern, replacement, flags]: [string, string, string, string]): string {
  return replaceBy([text, pattern, replacement], readFlags(flags, 'gic'));
}

function replaceBy(
  [text, pattern, replacement]: readonly [string, string, string],
  { anyCase, everywhere }: Flags,
): string {
  let done = false;
  return text.replace(compile(pattern, { anyCase, extent: true }), (...match: unknown[]) => {
    const whole = match[0] as string;
    if (done && !everywhere) return whole;
    done = true;
    return filled(replacement, match);
  });
}

/** Fills in a replacement: `\1` to `\9` stand for what the groups matched, `\&` for the whole match. */
function filled(replacement: string, match: readonly unknown[]): string {
  const groups = match.findIndex((part) => typeof part !== 'string' && part !== undefined);
  return replacement.replace(/\\([1-9&\\])/g, (_, mark: string) => {
    if (mark === '\\') return '\\';
    const index = mark === '&' ? 0 : Number(mark);
    return index < groups ? ((match[index] as string | undefined) ?? '') : '';
  });
}

export const regexpMatch = (text: string, pattern: string): readonly (string | null)[] | null =>
  matchBy(text, pattern, false);
export const regexpMatchFlags = (text: string, pattern: string, flags: string): readonly (string | null)[] | null =>
  matchBy(text, pattern, readFlags(flags, 'ic').anyCase);

function matchBy(text: string, pattern: string, anyCase: boolean): readonly (string | null)[] | null {
  const [match] = text.matchAll(compile(pattern, { anyCase, extent: true }));
  if (match === undefined) return null;
  return match.length === 1 ? [match[0]] : match.slice(1).map((part) => part ?? null);
}

/** Returns the first group of the first match, or the whole match if there is no group. */
export function substringMatch(text: string, pattern: string): string | null {
  const [match] = text.matchAll(compile(pattern, { anyCase: false, extent: true }));
  return match === undefined ? null : ((match.length > 1 ? match[1] : match[0]) ?? null);
}

/** Returns the n-th match from a position, or one of its groups: `[text, pattern, start, n, flags, group]`. */
export function regexpSubstr(
  ...[text, pattern, start = 1, n = 1, flags = '', group = 0]: [string, string, number?, number?, string?, number?]
): string | null {
  requireAtLeast('subexpr', group, 0);
  const match = nthMatch([text, pattern, flags], start, n);
  return match?.[groupOf(match, group)] ?? null;
}

/**
 * Returns the position of the n-th match, or the position after it if `end` is 1; 0 if there is no match. The arguments
 * are `[text, pattern, start, n, end, flags, group]`.
 */
export function regexpInstr(
  ...[text, pattern, start = 1, n = 1, end = 0, flags = '', group = 0]: [
    string,
    string,
    number?,
    number?,
    number?,
    string?,
    number?,
  ]
): number {
  if (end !== 0 && end !== 1) throw invalidParameter('endoption', end);
  requireAtLeast('subexpr', group, 0);
  const match = nthMatch([text, pattern, flags], start, n);
  const [from, to] = match?.indices?.[match === undefined ? 0 : groupOf(match, group)] ?? [-1, -1];
  return from === -1 ? 0 : length(text.slice(0, end === 1 ? to : from)) + 1;
}

export function regexpCount(...[text, pattern, start = 1, flags = '']: [string, string, number?, string?]): number {
  return [...matchesFrom([text, pattern, flags], start)].length;
}

/** Returns the group to use. If there are no groups, Postgres takes the whole match as the first one. */
const groupOf = (match: RegExpExecArray, group: number): number => (match.length === 1 && group === 1 ? 0 : group);

type Search = readonly [text: string, pattern: string, flags: string];

function nthMatch(search: Search, start: number, n: number): RegExpExecArray | undefined {
  requireAtLeast('start', start, 1);
  requireAtLeast('n', n, 1);
  let count = 0;
  for (const match of matchesFrom(search, start)) {
    count += 1;
    if (count === n) return match;
  }
  return undefined;
}

/**
 * Finds the matches from a position. The text before it still counts: ^ matches only at the start of the whole text.
 */
function matchesFrom([text, pattern, flags]: Search, start: number): IterableIterator<RegExpExecArray> {
  requireAtLeast('start', start, 1);
  const { anyCase } = readFlags(flags, 'ic');
  const at = Array.from(text)
    .slice(0, start - 1)
    .join('').length;
  if (start - 1 > length(text)) return [].values();
  const regex = new RegExp(compile(pattern, { anyCase, extent: true }), 'dgu');
  regex.lastIndex = at;
  return text.matchAll(regex);
}

function requireAtLeast(name: string, value: number, least: number): void {
  if (value < least) throw invalidParameter(name, value);
}

const invalidParameter = (name: string, value: number): SqlError =>
  new SqlError('22023', `invalid value for parameter "${name}": ${value}`);

/** Replaces the n-th match from a position, or all if n is 0: `[text, pattern, replacement, start, n, flags]`. */
export function regexpReplaceFrom(
  ...[text, pattern, replacement, start, n = 1, flags = '']: [string, string, string, number, number?, string?]
): string {
  requireAtLeast('n', n, 0);
  let [result, from, count] = ['', 0, 0];
  for (const match of matchesFrom([text, pattern, flags.replaceAll('g', '')], start)) {
    count += 1;
    if (n !== 0 && count !== n) continue;
    result += text.slice(from, match.index) + filled(replacement, [...match, match.index]);
    from = match.index + match[0].length;
  }
  return result + text.slice(from);
}

export const regexpSplitFlags = (text: string, pattern: string, flags: string): readonly string[] =>
  split(text, compile(pattern, { anyCase: readFlags(flags, 'ic').anyCase, extent: true }));

/** Splits a text. An empty match at the start, at the end or directly after another match does not split. */
export const regexpSplit = (text: string, pattern: string): readonly string[] =>
  split(text, compile(pattern, { anyCase: false, extent: true }));

function split(text: string, pattern: RegExp): readonly string[] {
  const parts: string[] = [];
  let from = 0;
  for (const match of text.matchAll(pattern)) {
    if (match[0] === '' && (match.index === from || match.index >= text.length)) continue;
    parts.push(text.slice(from, match.index));
    from = match.index + match[0].length;
  }
  return [...parts, text.slice(from)];
}
