import { RE2JS, RE2JSException } from 're2js';
import { SqlError } from '../errors/sql-error.ts';
import { isProvenLinear } from './regex-linear.ts';
import { translateRegex } from './regex-syntax.ts';

export type Span = readonly [from: number, to: number];

export interface Found {
  readonly whole: Span;
  /** Returns what each group captured, after the whole match itself. */
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
  readonly size: number;
}

/** Most patterns are literals. Patterns from events are bounded by number and by the memory of their programs. */
const compiled = new Map<string, CompiledRegex>();
const KEPT = 200;
const KEPT_SIZE = 50_000;
let keptSize = 0;

export function compileRegex(pattern: string, anyCase: boolean): CompiledRegex {
  const key = `${anyCase ? 'i' : 'c'}${pattern}`;
  const known = compiled.get(key);
  if (known !== undefined) return known;
  const { source, captures, isLazy, pieces } = translateRegex(pattern, anyCase);
  const { engine, size } = pieces !== undefined && isProvenLinear(pieces) ? v8Engine(source) : re2Engine(source);
  const regex = { ...engine, captures, isLazy, capturesAlike: pieces !== undefined, size };
  if (compiled.size >= KEPT || keptSize + size > KEPT_SIZE) {
    compiled.clear();
    keptSize = 0;
  }
  compiled.set(key, regex);
  keptSize += size;
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

export function re2Engine(source: string): Sized {
  const program = re2Program(source);
  const size = program.programSize();
  const { dfa } = program.re2();
  dfa.stateBudget = STATE_BYTES;
  dfa.memBudget = STATE_BYTES;
  const test = (text: string): boolean => {
    if (text.length * size > MAX_STEPS) throw tooManySteps();
    return program.test(text);
  };
  const search = (text: string) => {
    // Finding one match is linear, finding all is not: a match may be short and its search look far ahead.
    const mayTakeLong = text.length * text.length * size > MAX_STEPS;
    const matcher = program.matcher(mayTakeLong ? counted(text, size) : text);
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
function counted(text: string, size: number): string {
  let left = MAX_STEPS;
  const spend = (steps: number): void => {
    left -= steps;
    if (left < 0) throw tooManySteps();
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

const tooManySteps = (): SqlError =>
  new SqlError('54000', `the regular expression needs more than ${MAX_STEPS} steps on this text: simplify it`);

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
