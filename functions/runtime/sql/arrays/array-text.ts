import { SqlError } from '../errors/sql-error.ts';
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

const ELEMENT = /^[ \t\n\v\f\r]*(?:"((?:[^"\\]|\\[\s\S])*)"|((?:[^{}",\\]|\\[\s\S])+))[ \t\n\v\f\r]*([,}])/;

function elementTexts(text: string): readonly (string | null)[] {
  const body = text.trim();
  if (!body.startsWith('{')) malformed(text, 'array value must start with "{"');
  if (/^\{[ \t\n\v\f\r]*\}$/.test(body)) return [];
  const items: (string | null)[] = [];
  let rest = body.slice(1);
  for (;;) {
    const match = ELEMENT.exec(rest);
    if (match === null)
      malformed(text, 'use one dimension, and quotes around elements with braces, commas, quotes or spaces');
    items.push(match[1] === undefined ? unquoted(match[2] ?? '', text) : match[1].replace(/\\([\s\S])/g, '$1'));
    rest = rest.slice(match[0].length);
    if (match[3] === '}') break;
  }
  if (rest !== '') malformed(text, 'junk after closing right brace');
  return items;
}

function unquoted(item: string, text: string): string | null {
  const trimmed = item.replace(/(?<!\\)[ \t\n\v\f\r]+$/, '');
  if (trimmed === '') malformed(text, 'unexpected "," or "}"');
  return trimmed.toUpperCase() === 'NULL' ? null : trimmed.replace(/\\([\s\S])/g, '$1');
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
