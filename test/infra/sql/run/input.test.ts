import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openInput } from '../../../../infra/sql/run/input.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-run-input-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const line = (length: number): string => `${'x'.repeat(length)}\n`;
const MIB = 1 << 20;

test.each([
  ['nothing', ''],
  ['one line without an end', 'x'],
  ['blank lines', '\n\n\n'],
  ['lines that fit exactly', line(MIB - 1).repeat(3)],
  ['lines that do not', line(MIB).repeat(3)],
  ['a line of several parts between short ones', line(3) + line(5 * MIB) + line(4)],
  ['short lines, the last one without an end', line(700).repeat(4000) + 'x'.repeat(2 * MIB)],
])('a file is read in parts of whole lines: %s', async (_, text) => {
  const name = join(folder, 'lines.ndjson');
  writeFileSync(name, text);
  const refuse = (): never => {
    throw new Error('lines of JSON are not parsed here');
  };
  const input = openInput({ name, format: 'ndjson' }, Readable.from([]), { reject: refuse, note: refuse });
  const parts: string[] = [];
  for await (const { text: part } of input.parts({ all: [], read: [] })) parts.push(part.toString('latin1'));
  expect(parts.join('') === text).toBe(true);
  expect(parts.slice(0, -1).filter((part) => !part.endsWith('\n'))).toEqual([]);
  expect(parts.filter((part) => part === '')).toEqual([]);
});
