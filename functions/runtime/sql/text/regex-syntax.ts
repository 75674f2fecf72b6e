import { SqlError } from '../errors/sql-error.ts';
import type { Piece } from './regex-linear.ts';

/**
 * A regular expression of Postgres, translated to syntax that V8 and RE2 read in the same way. Any other syntax is an
 * error that names it. In collation "C", character classes and case know only ASCII letters.
 */
export interface Translated {
  readonly source: string;
  /** The number of groups that capture. */
  readonly captures: number;
  /**
   * The anchors and characters in order, when there is nothing else: no alternatives and no quantified groups. Then
   * groups capture the same as in Postgres, and the first match is the longest one.
   */
  readonly pieces: readonly Piece[] | undefined;
  /** True if a quantifier prefers short matches, which no engine with longest matches can do. */
  readonly isLazy: boolean;
}

interface Reader {
  readonly pattern: string;
  readonly anyCase: boolean;
  readonly pieces: Piece[];
  at: number;
  depth: number;
  captures: number;
  /** The number of characters that the pattern names, with repetitions written out. */
  size: number;
  isSequence: boolean;
  isLazy: boolean;
}

/** Patterns may come from an event, so their length and what repetitions make of them are bounded. */
const MAX_LENGTH = 10_000;
const MAX_REPETITIONS = 1000;

const SHORTHANDS: Record<string, string> = { d: '0-9', w: 'A-Za-z0-9_', s: ' \\t\\n\\v\\f\\r' };
const POSIX: Record<string, string> = {
  alpha: 'A-Za-z',
  digit: '0-9',
  alnum: 'A-Za-z0-9',
  upper: 'A-Z',
  lower: 'a-z',
  space: ' \\t\\n\\v\\f\\r',
  blank: ' \\t',
  punct: '!-\\/:-@\\[-`\\{-~',
  xdigit: '0-9A-Fa-f',
  word: 'A-Za-z0-9_',
  cntrl: '\\x00-\\x1f\\x7f',
  graph: '!-~',
  print: ' -~',
};
const CONTROL: Record<string, string> = { n: '\\n', t: '\\t', r: '\\r', f: '\\f', v: '\\v' };
const SYNTAX = /[\\^$.*+?()[\]{}|/]/;

function unsupported(what: string): never {
  throw new SqlError(
    '0A000',
    `${what} is not supported in regular expressions: Postgres and JavaScript read it differently`,
  );
}

function invalid(what: string): never {
  throw new SqlError('2201B', `invalid regular expression: ${what}`);
}

export function translateRegex(pattern: string, anyCase: boolean): Translated {
  if (pattern.length > MAX_LENGTH) tooLarge(`the pattern has ${pattern.length} characters; at most ${MAX_LENGTH}`);
  if (/^(?:\*\*\*|\(\?[a-z]+\))/.test(pattern)) unsupported('a prefix such as (?i) or ***');
  const reader: Reader = {
    pattern,
    anyCase,
    pieces: [],
    at: 0,
    depth: 0,
    captures: 0,
    size: 0,
    isSequence: true,
    isLazy: false,
  };
  const source = alternatives(reader);
  if (reader.at < pattern.length) invalid('parentheses () not balanced');
  const { captures, pieces, isSequence, isLazy } = reader;
  return { source, captures, pieces: isSequence && !isLazy ? pieces : undefined, isLazy };
}

function tooLarge(what: string): never {
  throw new SqlError('0A000', `this regular expression is too large: ${what} are supported`);
}

function alternatives(reader: Reader): string {
  const branches = [branch(reader)];
  while (reader.pattern.charAt(reader.at) === '|') {
    reader.at += 1;
    reader.isSequence = false;
    branches.push(branch(reader));
  }
  return branches.join('|');
}

function branch(reader: Reader): string {
  let source = '';
  while (reader.at < reader.pattern.length && !'|)'.includes(reader.pattern.charAt(reader.at)))
    source += quantified(reader);
  return source;
}

function quantified(reader: Reader): string {
  const first = reader.pattern.charAt(reader.at);
  const before = reader.size;
  const { source, kind } = atom(reader);
  const quantifier = readQuantifier(reader);
  if (kind === 'anchor') {
    if (quantifier !== undefined) unsupported(`a quantifier after ${first}`);
    reader.pieces.push({ kind: 'anchor', end: source === '$' });
    return source;
  }
  if (kind === 'character') {
    reader.size += 1;
    reader.pieces.push({ kind: 'characters', source, min: quantifier?.min ?? 1, max: quantifier?.max ?? 1 });
  }
  if (quantifier === undefined) return source;
  if (readQuantifier(reader) !== undefined) invalid('quantifier operand invalid');
  if (kind === 'group') reader.isSequence = false;
  if (quantifier.isLazy) reader.isLazy = true;
  const { min, max } = quantifier;
  reader.size = before + (reader.size - before) * (max === Infinity ? min + 1 : Math.max(1, max));
  if (reader.size > reader.pattern.length + MAX_REPETITIONS)
    tooLarge(`its repetitions make ${reader.size} characters; at most ${MAX_REPETITIONS} more than are written`);
  return source + quantifier.text;
}

interface Quantifier {
  readonly text: string;
  readonly min: number;
  readonly max: number;
  readonly isLazy: boolean;
}

const QUANTIFIER = /(?:([*+?])|\{(\d+)(?:(,)(\d*))?\})(\?)?/y;
const BOUNDS = { '*': [0, Infinity], '+': [1, Infinity], '?': [0, 1] } as const;

function readQuantifier(reader: Reader): Quantifier | undefined {
  QUANTIFIER.lastIndex = reader.at;
  const match = QUANTIFIER.exec(reader.pattern);
  if (match === null) return undefined;
  const [text, symbol, low, comma, high, lazy] = match;
  reader.at += text.length;
  const isLazy = lazy !== undefined;
  if (symbol !== undefined) {
    const [min, max] = BOUNDS[symbol as keyof typeof BOUNDS];
    return { text, min, max, isLazy };
  }
  const min = Number(low);
  const max = comma === undefined ? min : high === '' ? Infinity : Number(high);
  if (min > 255 || (max > 255 && max !== Infinity) || max < min) invalid('invalid repetition count(s)');
  return { text, min, max, isLazy };
}

interface Atom {
  readonly source: string;
  readonly kind: 'character' | 'anchor' | 'group';
}

function atom(reader: Reader): Atom {
  const character = String.fromCodePoint(reader.pattern.codePointAt(reader.at) ?? 0);
  reader.at += character.length;
  switch (character) {
    case '^':
    case '$':
      return { source: character, kind: 'anchor' };
    case '.':
      return { source: '[\\s\\S]', kind: 'character' };
    case '(':
      return group(reader);
    case '[':
      return { source: bracket(reader), kind: 'character' };
    case '\\':
      return escaped(reader);
    case '*':
    case '+':
    case '?':
      return invalid('quantifier operand invalid');
    case '{':
      return unsupported('{ without a repetition count');
    default:
      return { source: literal(reader, character), kind: 'character' };
  }
}

function group(reader: Reader): Atom {
  const rest = reader.pattern.slice(reader.at, reader.at + 2);
  const plain = rest.startsWith('?:');
  if (rest.startsWith('?') && !plain) unsupported('a group that starts with (? and is not (?:');
  if (plain) reader.at += 2;
  else reader.captures += 1;
  if (reader.depth >= 50) unsupported('nesting deeper than 50 groups');
  reader.depth += 1;
  const inner = alternatives(reader);
  reader.depth -= 1;
  if (reader.pattern.charAt(reader.at) !== ')') invalid('parentheses () not balanced');
  reader.at += 1;
  return { source: `${plain ? '(?:' : '('}${inner})`, kind: 'group' };
}

function escaped(reader: Reader): Atom {
  const character = String.fromCodePoint(reader.pattern.codePointAt(reader.at) ?? 0);
  if (reader.at >= reader.pattern.length) invalid('invalid escape \\ sequence');
  reader.at += character.length;
  const members = SHORTHANDS[character.toLowerCase()];
  if (members !== undefined) return { source: `[${/[A-Z]/.test(character) ? '^' : ''}${members}]`, kind: 'character' };
  const control = CONTROL[character];
  if (control !== undefined) return { source: control, kind: 'character' };
  if (character === 'A' || character === 'Z') return { source: character === 'A' ? '^' : '$', kind: 'anchor' };
  if (/[A-Za-z0-9]/.test(character)) unsupported(`\\${character}`);
  return { source: literal(reader, character), kind: 'character' };
}

function literal(reader: Reader, character: string): string {
  if (reader.anyCase && /[A-Za-z]/.test(character)) return `[${character.toLowerCase()}${character.toUpperCase()}]`;
  return SYNTAX.test(character) ? `\\${character}` : character;
}

/** Translates `[…]`. Ranges may be of ASCII letters, digits or single characters; [= =] and [. .] are not supported. */
function bracket(reader: Reader): string {
  const negated = reader.pattern.charAt(reader.at) === '^';
  if (negated) reader.at += 1;
  let members = '';
  for (let first = true; ; first = false) {
    if (reader.at >= reader.pattern.length) invalid('brackets [] not balanced');
    if (reader.pattern.charAt(reader.at) === ']' && !first) break;
    members += member(reader);
  }
  reader.at += 1;
  return `[${negated ? '^' : ''}${members}]`;
}

function member(reader: Reader): string {
  const rest = reader.pattern.slice(reader.at);
  const named = /^\[:(\w+):\]/.exec(rest);
  if (named !== null) return namedClass(reader, named);
  if (/^\[[.=]/.test(rest)) unsupported('[. .] and [= =]');
  if (rest.startsWith('\\')) return escapedMember(reader);
  const from = String.fromCodePoint(rest.codePointAt(0) ?? 0);
  reader.at += from.length;
  const range = /^-([^\]])/u.exec(reader.pattern.slice(reader.at));
  if (range === null) return both(reader, from, from);
  const to = range[1] ?? '';
  if (to === '[' || to === '\\') unsupported('a range that ends in [ or \\');
  if ((from.codePointAt(0) ?? 0) > (to.codePointAt(0) ?? 0)) invalid('invalid character range');
  reader.at += range[0].length;
  return both(reader, from, to);
}

function namedClass(reader: Reader, [text, name = '']: RegExpExecArray): string {
  const members = POSIX[name];
  if (members === undefined) invalid('invalid character class');
  reader.at += text.length;
  return reader.anyCase && (name === 'upper' || name === 'lower') ? 'A-Za-z' : members;
}

function escapedMember(reader: Reader): string {
  reader.at += 1;
  const { source, kind } = escaped(reader);
  if (kind !== 'character' || source.startsWith('[^')) unsupported('this escape inside of [ ]');
  if (/^-[^\]]/.test(reader.pattern.slice(reader.at))) unsupported('a range that starts with an escape');
  return source.startsWith('[') ? source.slice(1, -1) : source.replace(/^([&\-~#%!,:;<=>@`])$/, '\\$1');
}

function both(reader: Reader, from: string, to: string): string {
  const own = from === to ? classLiteral(from) : `${classLiteral(from)}-${classLiteral(to)}`;
  if (!reader.anyCase) return own;
  const [low, high] = [from.codePointAt(0) ?? 0, to.codePointAt(0) ?? 0];
  let added = '';
  for (let code = 65; code <= 90; code += 1) {
    const [upper, lower] = [String.fromCharCode(code), String.fromCharCode(code + 32)];
    if (code >= low && code <= high) added += lower;
    if (code + 32 >= low && code + 32 <= high) added += upper;
  }
  return own + added;
}

const classLiteral = (character: string): string => (/[\\\]^\-[/(){}|]/.test(character) ? `\\${character}` : character);
