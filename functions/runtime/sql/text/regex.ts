import { SqlError } from '../errors/sql-error.ts';
import type { CompiledRegex, Found, Span } from './regex-engine.ts';
import { compileRegex, matchesOf } from './regex-engine.ts';
import { left, length } from './text.ts';

/** Compiles a pattern whose matched text matters, and not only whether there is a match. */
function compileExtent(pattern: string, anyCase: boolean): CompiledRegex {
  const regex = compileRegex(pattern, anyCase);
  if (regex.isLazy)
    throw new SqlError(
      '0A000',
      'lazy quantifiers are supported only in tests such as ~: exclude what follows, such as <[^>]*> for <.*?>',
    );
  return regex;
}

/** Compiles a pattern whose groups matter too. */
function compileGroups(pattern: string, anyCase: boolean): CompiledRegex {
  const regex = compileExtent(pattern, anyCase);
  if (regex.captures > 0 && !regex.capturesAlike)
    throw new SqlError(
      '0A000',
      'what a group captures is not supported in a pattern with alternatives or quantified groups: write (?:…) for each group and use the whole match, or (\\w*) for (\\w)*',
    );
  return regex;
}

const test = (text: string, pattern: string, anyCase: boolean): boolean => compileRegex(pattern, anyCase).test(text);

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
  const matches = matchesOf(compileFor(replacement, pattern, anyCase), text, 0);
  return replaceMatches(text, replacement, everywhere ? matches : take(matches, 1));
}

function* take(matches: Iterable<Found>, nth: number): Generator<Found> {
  let count = 0;
  for (const found of matches) {
    count += 1;
    if (count < nth) continue;
    yield found;
    return;
  }
}

function compileFor(replacement: string, pattern: string, anyCase: boolean): CompiledRegex {
  const usesGroups = [...replacement.matchAll(MARK)].some(([, mark = '']) => /[1-9]/.test(mark));
  return usesGroups ? compileGroups(pattern, anyCase) : compileExtent(pattern, anyCase);
}

function replaceMatches(text: string, replacement: string, matches: Iterable<Found>): string {
  const plain = !replacement.includes('\\');
  const parts: string[] = [];
  let from = 0;
  for (const found of matches) {
    parts.push(text.slice(from, found.whole[0]), plain ? replacement : filled(replacement, text, found));
    from = found.whole[1];
  }
  return parts.length === 0 ? text : parts.join('') + text.slice(from);
}

const MARK = /\\([1-9&\\])/g;

/** Fills in a replacement: `\1` to `\9` stand for what the groups matched, `\&` for the whole match. */
function filled(replacement: string, text: string, found: Found): string {
  const span = (mark: string): Span | undefined => (mark === '&' ? found.whole : found.groups()[Number(mark)]);
  return replacement.replace(MARK, (_, mark: string) => (mark === '\\' ? '\\' : (textOf(text, span(mark)) ?? '')));
}

const textOf = (text: string, span: Span | undefined): string | null =>
  span === undefined ? null : text.slice(span[0], span[1]);

export const regexpMatch = (text: string, pattern: string): readonly (string | null)[] | null =>
  matchBy(text, pattern, false);
export const regexpMatchFlags = (text: string, pattern: string, flags: string): readonly (string | null)[] | null =>
  matchBy(text, pattern, readFlags(flags, 'ic').anyCase);

function matchBy(text: string, pattern: string, anyCase: boolean): readonly (string | null)[] | null {
  const found = compileGroups(pattern, anyCase).search(text)(0);
  if (found === undefined) return null;
  const spans = found.groups();
  return (spans.length === 1 ? spans : spans.slice(1)).map((span) => textOf(text, span));
}

/** Returns the first group of the first match, or the whole match if there is no group. */
export const substringMatch = (text: string, pattern: string): string | null =>
  matchBy(text, pattern, false)?.[0] ?? null;

/** Returns the n-th match from a position, or one of its groups: `[text, pattern, start, n, flags, group]`. */
export function regexpSubstr(
  ...[text, pattern, start = 1, n = 1, flags = '', group = 0]: [string, string, number?, number?, string?, number?]
): string | null {
  const found = nthMatch({ text, pattern, flags, start, group }, n);
  return found === undefined ? null : textOf(text, groupOf(found, group));
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
  const found = nthMatch({ text, pattern, flags, start, group }, n);
  const span = found === undefined ? undefined : groupOf(found, group);
  return span === undefined ? 0 : length(text.slice(0, span[end])) + 1;
}

export function regexpCount(...[text, pattern, start = 1, flags = '']: [string, string, number?, string?]): number {
  let count = 0;
  for (const _ of matchesFrom({ text, pattern, flags, start })) count += 1;
  return count;
}

/** Returns what the group captured. If there are no groups, Postgres takes the whole match as the first one. */
function groupOf(found: Found, group: number): Span | undefined {
  if (group === 0) return found.whole;
  const spans = found.groups();
  return spans.length === 1 && group === 1 ? found.whole : spans[group];
}

interface Search {
  readonly text: string;
  readonly pattern: string;
  readonly flags: string;
  /** The position to start at, from 1. The text before it still counts: ^ matches only at the start of the text. */
  readonly start: number;
  readonly group?: number;
}

function nthMatch(search: Search, n: number): Found | undefined {
  requireAtLeast('subexpr', search.group ?? 0, 0);
  requireAtLeast('start', search.start, 1);
  requireAtLeast('n', n, 1);
  const [found] = take(matchesFrom(search), n);
  return found;
}

function matchesFrom({ text, pattern, flags, start, group = 0 }: Search): Iterable<Found> {
  requireAtLeast('start', start, 1);
  const { anyCase } = readFlags(flags, 'ic');
  const regex = group === 0 ? compileExtent(pattern, anyCase) : compileGroups(pattern, anyCase);
  if (start - 1 > length(text)) return [];
  return matchesOf(regex, text, offsetOf(text, start));
}

const offsetOf = (text: string, position: number): number => (position === 1 ? 0 : left(text, position - 1).length);

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
  requireAtLeast('start', start, 1);
  const { anyCase } = readFlags(flags.replaceAll('g', ''), 'ic');
  const regex = compileFor(replacement, pattern, anyCase);
  if (start - 1 > length(text)) return text;
  const matches = matchesOf(regex, text, offsetOf(text, start));
  return replaceMatches(text, replacement, n === 0 ? matches : take(matches, n));
}

export const regexpSplitFlags = (text: string, pattern: string, flags: string): readonly string[] =>
  split(text, compileExtent(pattern, readFlags(flags, 'ic').anyCase));

/** Splits a text. An empty match at the start, at the end or directly after another match does not split. */
export const regexpSplit = (text: string, pattern: string): readonly string[] =>
  split(text, compileExtent(pattern, false));

function split(text: string, regex: CompiledRegex): readonly string[] {
  const parts: string[] = [];
  let from = 0;
  for (const { whole } of matchesOf(regex, text, 0)) {
    const [start, end] = whole;
    if (start === end && (start === from || start >= text.length)) continue;
    parts.push(text.slice(from, start));
    from = end;
  }
  return [...parts, text.slice(from)];
}
