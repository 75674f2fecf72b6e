/** The text of a statement, and the name of its file for messages. */
export interface Source {
  readonly file: string;
  readonly text: string;
}

export interface Position {
  /** Line and column start at 1; the column counts characters. */
  readonly line: number;
  readonly column: number;
}

export function positionAt(source: Source, offset: number): Position {
  const before = source.text.slice(0, offset);
  const lineStart = before.lastIndexOf('\n') + 1;
  return { line: before.split('\n').length, column: Array.from(before.slice(lineStart)).length + 1 };
}

/** Converts a position in bytes of UTF-8, as Postgres counts, to one in UTF-16 units, as JavaScript counts. */
export function offsetOfByte(text: string, byte: number): number {
  return Buffer.from(text, 'utf8').subarray(0, byte).toString('utf8').length;
}

export function offsetOfCharacter(text: string, index: number): number {
  return Array.from(text).slice(0, index).join('').length;
}

/** Matches comments, texts and quoted names, in which a keyword is not a clause. */
const NO_CODE = /--[^\n]*|\/\*[\s\S]*?\*\/|'(?:[^']|'')*'|"(?:[^"]|"")*"/g;

/** Returns the text with blanks where it is no code. */
export const codeOf = ({ text }: Source): string => text.replace(NO_CODE, (part) => ' '.repeat(part.length));

/** Returns where the code has a keyword first; 0 if it has none. */
export const offsetOfKeyword = (source: Source, keyword: RegExp): number => Math.max(codeOf(source).search(keyword), 0);

/** The reason why a statement does not compile: it is wrong, or Postgres accepts it and it is not supported here. */
export type MistakeKind = 'invalid' | 'unsupported';

/** A mistake in a statement, shown with its line, column and a caret. */
export class SqlMistake extends Error {
  readonly kind: MistakeKind;
  readonly position: Position;
  readonly offset: number;
  readonly hint: string | undefined;

  constructor(kind: MistakeKind, { source, offset, problem, hint }: Mistake) {
    const position = positionAt(source, offset);
    super(render(source, position, hint === undefined ? problem : `${problem}\n  hint: ${hint}`));
    this.name = 'SqlMistake';
    this.kind = kind;
    this.position = position;
    this.offset = offset;
    this.hint = hint;
  }
}

interface Mistake {
  readonly source: Source;
  readonly offset: number;
  readonly problem: string;
  readonly hint?: string | undefined;
}

function render(source: Source, position: Position, problem: string): string {
  const line = source.text.split('\n')[position.line - 1] ?? '';
  const margin = `${position.line} | `;
  const caret = `${' '.repeat(margin.length + position.column - 1)}^`;
  const [first = '', ...rest] = problem.split('\n');
  return [`${source.file}:${position.line}:${position.column}: ${first}`, `${margin}${line}`, caret, ...rest].join(
    '\n',
  );
}
