import { RE2JS, RE2JSException } from 're2js';
import { SqlError } from '../errors/sql-error.ts';
import { boundedCache } from './bounded-cache.ts';
import { isProvenLinear } from './regex-linear.ts';
import { translateRegex } from './regex-syntax.ts';

export type Span = readonly [from: number, to: number];

export interface Found {
  readonly whole: Span;
  /** Returns the whole match and what each group captured. Call this before you search on. */
  readonly groups: () => readonly (Span | undefined)[];
}

/** A compiled pattern. Its time grows linearly with the text for each search, whatever text and pattern are. */
export interface Engine {
  readonly test: (text: string) => boolean;
  /** Starts to search a text: the result finds the first match at or after a position, and of those the longest. */
  readonly search: (text: string) => (at: number) => Found | undefined;
}

export interface CompiledRegex extends Engine {
  readonly captures: number;
  readonly isLazy: boolean;
  /** Whether groups capture the same as in Postgres. */
  readonly capturesAlike: boolean;
}

/** Compiled patterns; most patterns are literals. The size is that of all programs, in instructions. */
export const compiledRegexes = boundedCache<CompiledRegex>(200, 50_000);

export function compileRegex(pattern: string, anyCase: boolean): CompiledRegex {
  const key = `${anyCase ? 'i' : 'c'}${pattern}`;
  const known = compiledRegexes.get(key);
  if (known !== undefined) return known;
  const { source, captures, isLazy, pieces } = translateRegex(pattern, anyCase);
  const { engine, size } = pieces !== undefined && isProvenLinear(pieces) ? v8Engine(source) : re2Engine(source);
  const regex = { ...engine, captures, isLazy, capturesAlike: pieces !== undefined };
  compiledRegexes.keep(key, regex, size);
  return regex;
}

interface Sized {
  readonly engine: Engine;
  readonly size: number;
}

export function v8Engine(source: string): Sized {
  const [once, each, captures] = [new RegExp(source, 'u'), new RegExp(source, 'gu'), new RegExp(source, 'dyu')];
  const groupsAt = (text: string, at: number): readonly (Span | undefined)[] => {
    captures.lastIndex = at;
    return captures.exec(text)?.indices ?? [];
  };
  const search = (text: string) => (at: number) => {
    each.lastIndex = at;
    const match = each.exec(text);
    if (match === null) return undefined;
    const from = match.index;
    return { whole: [from, from + match[0].length] as const, groups: () => groupsAt(text, from) };
  };
  return { engine: { test: (text) => once.test(text), search }, size: source.length };
}

/** The most steps of one call. A step is one instruction of the program at one character of the text. */
export const MAX_STEPS = 2 ** 28;
/** The memory for states that RE2 makes while it tests; when it is full, RE2 starts again. */
const STATE_BYTES = 1 << 18;

export function re2Engine(source: string, maxSteps = MAX_STEPS): Sized {
  const program = re2Program(source);
  const size = program.programSize();
  const { dfa } = program.re2();
  dfa.stateBudget = STATE_BYTES;
  dfa.memBudget = STATE_BYTES;
  const test = (text: string): boolean => {
    if (text.length * size > maxSteps) throw tooManySteps(maxSteps);
    return program.test(text);
  };
  const search = (text: string) => {
    // Finding one match is linear, finding all is not: a match may be short and its search look far ahead.
    const mayTakeLong = text.length * text.length * size > maxSteps;
    const matcher = program.matcher(mayTakeLong ? counted(text, size, maxSteps) : text);
    const span = (group: number): Span | undefined =>
      matcher.start(group) === -1 ? undefined : [matcher.start(group), matcher.end(group)];
    const spans = Array.from({ length: matcher.groupCount() + 1 }, (_, group) => group);
    return (at: number): Found | undefined => {
      if (!matcher.find(at)) return undefined;
      return { whole: [matcher.start(), matcher.end()], groups: () => spans.map(span) };
    };
  };
  return { engine: { test, search }, size };
}

function re2Program(source: string): RE2JS {
  try {
    return RE2JS.compile(source, RE2JS.LONGEST_MATCH);
  } catch (error) {
    if (!(error instanceof RE2JSException)) throw error;
    throw new SqlError('0A000', `this regular expression is not supported: ${error.message}`);
  }
}

/** Returns the text as an object that throws once RE2 has read too much of it. */
function counted(text: string, size: number, maxSteps: number): string {
  let left = maxSteps;
  const spend = (steps: number): void => {
    left -= steps;
    if (left < 0) throw tooManySteps(maxSteps);
  };
  const charCodeAt = (at: number): number => {
    spend(size);
    return text.charCodeAt(at);
  };
  const indexOf = (part: string, from: number): number => {
    const found = text.indexOf(part, from);
    spend(((found === -1 ? text.length : found) - from) / 16);
    return found;
  };
  return Object.assign(Object(text) as string, { charCodeAt, indexOf });
}

const tooManySteps = (maxSteps: number): SqlError =>
  new SqlError('54000', `the regular expression needs more than ${maxSteps} steps on this text: simplify it`);

/** Finds all matches from a position. After an empty match, the search goes on at the next character. */
export function* matchesOf(regex: Engine, text: string, start: number): Generator<Found> {
  const find = regex.search(text);
  for (let at = start; at <= text.length; ) {
    const found = find(at);
    if (found === undefined) return;
    yield found;
    const [from, to] = found.whole;
    at = to > from ? to : to + ((text.codePointAt(to) ?? 0) > 0xffff ? 2 : 1);
  }
}
