import { translateRegex } from './regex-syntax.ts';
import { SqlError } from './sql-error.ts';

/** Regular expressions. The last compiled ones are kept: a pattern is mostly a literal. */
const compiled = new Map<string, RegExp>();
const KEPT = 200;

interface Wanted {
  readonly anyCase: boolean;
  /** Whether what was matched matters, not only whether anything was. */
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
      'alternatives, lazy quantifiers and quantified groups are supported where only a yes or no is asked: Postgres takes the longest match, JavaScript the first',
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
    return filled(replacement, match as (string | undefined)[]);
  });
}

/** `\1` to `\9` and `\&` stand for what the groups and the whole matched. */
function filled(replacement: string, match: readonly (string | undefined)[]): string {
  const groups = match.findIndex((part) => typeof part !== 'string' && part !== undefined);
  return replacement.replace(/\\([1-9&\\])/g, (_, mark: string) => {
    if (mark === '\\') return '\\';
    const index = mark === '&' ? 0 : Number(mark);
    return index < groups ? (match[index] ?? '') : '';
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

export function regexpSubstr(text: string, pattern: string): string | null {
  const [match] = text.matchAll(compile(pattern, { anyCase: false, extent: true }));
  return match?.[0] ?? null;
}

export const regexpCount = (text: string, pattern: string): number =>
  [...text.matchAll(compile(pattern, { anyCase: false, extent: true }))].length;

/** An empty match at the start, at the end or just after another match splits nothing. */
export function regexpSplit(text: string, pattern: string): readonly string[] {
  const parts: string[] = [];
  let from = 0;
  for (const match of text.matchAll(compile(pattern, { anyCase: false, extent: true }))) {
    if (match[0] === '' && (match.index === from || match.index >= text.length)) continue;
    parts.push(text.slice(from, match.index));
    from = match.index + match[0].length;
  }
  return [...parts, text.slice(from)];
}
