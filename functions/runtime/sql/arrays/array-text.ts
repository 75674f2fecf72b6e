import { SqlError } from '../errors/sql-error.ts';
import { isSpace, trimSpace, trimSpaceEnd } from '../text/spaces.ts';
import type { SqlArray } from './arrays.ts';

/** Matches elements that need no quotes in the text of an array, such as `{1,NULL,"a b"}`. */
const PLAIN = /^[^{}",\\ \t\n\v\f\r]+$/;

export const arrayText =
  <T>(elementText: (value: T) => string) =>
  (array: SqlArray<T>): string =>
    `{${array.map((item) => (item === null ? 'NULL' : quoted(elementText(item)))).join(',')}}`;

function quoted(text: string): string {
  if (PLAIN.test(text) && text.toUpperCase() !== 'NULL') return text;
  return `"${text.replace(/["\\]/g, '\\$&')}"`;
}

export const arrayFromText =
  <T>(elementFromText: (text: string) => T) =>
  (text: string): SqlArray<T> =>
    elementTexts(text).map((item) => (item === null ? null : elementFromText(item)));

/** The characters of an element, in quotes or up to the next comma or brace. Each fails or ends at one character. */
const QUOTED = /"([^"\\]*(?:\\[\s\S][^"\\]*)*)"/y;
const UNQUOTED = /[^{}",\\]*(?:\\[\s\S][^{}",\\]*)*/y;

function elementTexts(text: string): readonly (string | null)[] {
  const body = text.trim();
  if (!body.startsWith('{')) malformed(text, 'array value must start with "{"');
  if (trimSpace(body.slice(1)) === '}') return [];
  const items: (string | null)[] = [];
  let at = 1;
  for (;;) {
    at = skipSpace(body, at);
    const quoting = body.charAt(at) === '"';
    const element = matchAt(quoting ? QUOTED : UNQUOTED, body, at);
    at = skipSpace(body, at + (element?.[0].length ?? 0));
    const end = body.charAt(at);
    if (element === null || (end !== ',' && end !== '}'))
      malformed(text, 'use one dimension, and quotes around elements with braces, commas, quotes or spaces');
    items.push(quoting ? (element[1] ?? '').replace(/\\([\s\S])/g, '$1') : unquoted(element[0], text));
    at += 1;
    if (end === '}') break;
  }
  if (at < body.length) malformed(text, 'junk after closing right brace');
  return items;
}

function matchAt(regex: RegExp, text: string, at: number): RegExpExecArray | null {
  regex.lastIndex = at;
  return regex.exec(text);
}

function skipSpace(text: string, from: number): number {
  let at = from;
  while (at < text.length && isSpace(text.charCodeAt(at))) at += 1;
  return at;
}

function unquoted(item: string, text: string): string | null {
  const end = trimSpaceEnd(item);
  // An escaped blank at the end belongs to the element.
  const trimmed = isEscapedAt(item, end.length) ? item.slice(0, end.length + 1) : end;
  if (trimmed === '') malformed(text, 'unexpected "," or "}"');
  return trimmed.toUpperCase() === 'NULL' ? null : trimmed.replace(/\\([\s\S])/g, '$1');
}

/** Tells whether an odd number of backslashes stands before a position, and something stands at it. */
function isEscapedAt(text: string, at: number): boolean {
  let from = at;
  while (text.charAt(from - 1) === '\\') from -= 1;
  return at < text.length && (at - from) % 2 === 1;
}

function malformed(text: string, detail: string): never {
  throw new SqlError('22P02', `malformed array literal: "${text}": ${detail}`);
}

export const arrayToString =
  <T>(elementText: (value: T) => string) =>
  (array: SqlArray<T>, delimiter: string): string =>
    arrayToStringNull(elementText)(array, delimiter, null) ?? '';

export const arrayToStringNull =
  <T>(elementText: (value: T) => string) =>
  (array: SqlArray<T> | null, delimiter: string | null, nullText: string | null): string | null => {
    if (array === null || delimiter === null) return null;
    const texts = array.map((item) => (item === null ? nullText : elementText(item)));
    return texts.filter((item) => item !== null).join(delimiter);
  };
