import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { BENCHMARKS } from '../bench/benchmarks.ts';

const FOLDER = join(import.meta.dirname, '../bench');
const names = Object.keys(BENCHMARKS);

/** Ends the process when it runs benchmarks instead. */
const bench = (...args: readonly string[]): { readonly status: number | null; readonly text: string } => {
  const given = { encoding: 'utf8', timeout: 60_000 } as const;
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(FOLDER, 'main.ts'), ...args], given);
  return { status, text: stdout + stderr };
};

describe('npm run bench', () => {
  test('prints the benchmarks with a line each when it is asked for help, and runs none', () => {
    const { status, text } = bench('--help');
    expect(status).toBe(0);
    const lines = text.split('\n').map((line) => line.trimEnd());
    for (const [name, measures] of Object.entries(BENCHMARKS))
      expect(lines.filter((line) => line.startsWith(`${name} `) && line.endsWith(measures))).toHaveLength(1);
    expect(text).not.toMatch(/target is met|missed:/);
  });

  test('refuses an unknown name, lists those that there are, and runs none', () => {
    const { status, text } = bench('codec', 'join');
    expect(status).toBe(2);
    expect(text).toBe(`unknown benchmark 'join'; use any of ${names.join(', ')}\n`);
  });

  test.each(names)('has a file for %s', (name) => {
    expect(existsSync(join(FOLDER, `${name}.ts`))).toBe(true);
  });
});
