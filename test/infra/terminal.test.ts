import { expect, test } from 'vitest';
import { letterReport } from '../../infra/cli/reports/dead-letter-report.ts';
import type { KnownLetter } from '../../infra/operation/dead-letters/dead-letters.ts';
import { cleaned, cleanedFor, cleanedLine } from '../../infra/terminal.ts';
import { textTable } from '../../infra/text-table.ts';

test.each([
  ['an escape sequence', '\u001b]0;owned\u0007', '\\u001b]0;owned\\u0007'],
  ['an escape sequence in one byte', '\u009b31m', '\\u009b31m'],
  ['a carriage return, which overwrites the line', 'bad\rgood', 'bad\\u000dgood'],
  ['a backspace', 'a\b\u007f', 'a\\u0008\\u007f'],
  ['bidi controls', '\u202egpj.exe\u2066\u2069\u200f\u061c', '\\u202egpj.exe\\u2066\\u2069\\u200f\\u061c'],
  ['a line separator', 'a\u2028b', 'a\\u2028b'],
])('on a terminal, %s is shown and not carried out', (_, hostile, shown) => {
  expect(cleaned(hostile)).toBe(shown);
  expect(cleanedFor({ isTTY: true } as never, Buffer.from(hostile))).toBe(shown);
});

test('on a terminal, line breaks, tabs, Persian, Arabic and emoji stay as they are', () => {
  const text = 'a\n\tمی\u200cخواهم سلام 👩‍🚀';
  expect(cleaned(text)).toBe(text);
});

test('JSON that is cleaned for a terminal has the same meaning', () => {
  const value = { text: '\u007f\u009b\u202e\u2028\u001b' };
  expect(cleaned(JSON.stringify(value))).not.toMatch(/[\p{Cc}\p{Bidi_Control}]/u);
  expect(JSON.parse(cleaned(JSON.stringify(value)))).toEqual(value);
});

test('what goes to a file or a pipe keeps its exact bytes', () => {
  const bytes = Buffer.from([0x1b, 0xff, 0x9b]);
  expect(cleanedFor({} as never, bytes)).toBe(bytes);
});

test('what has to stay on one line has no line break that could look like another line', () => {
  expect(cleanedLine('a\r\nb\nc\td')).toBe('a b c d');
  expect(textTable(['step'], [['a\nb']]).split('\n')).toHaveLength(3);
});

test('a line break in the message of a dead letter does not look like another fact', () => {
  const letter = { id: 'p/s/1', pipeline: 'p', step: 's', shard: 'x', at: '1', stored: '2026-01-01T00:00:00Z' };
  const report = letterReport({ ...letter, reason: 'schema', message: 'bad\nstored  never', text: 'x' } as KnownLetter);
  expect(report.split('\n').filter((line) => line.startsWith('stored'))).toEqual(['stored   2026-01-01 00:00:00Z']);
});
