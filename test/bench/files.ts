import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { Readable, Writable } from 'node:stream';
import { runSqlCommand } from '../../infra/sql/run/command.ts';

/** Runs `millrace sql … > file` as a shell does. */
export async function runCommand(argv: readonly string[], to: string): Promise<void> {
  const target = openSync(to, 'w');
  const stdout = new Writable({
    write: (output: Buffer, _encoding, done) => {
      writeSync(target, output);
      done();
    },
  });
  const code = await runSqlCommand(argv, { stdin: Readable.from([]), stdout, stderr: process.stderr });
  closeSync(target);
  if (code !== 0) throw new Error(`millrace sql ended with ${code}`);
}

/**
 * Compares the values of two files of JSON lines, because not everybody formats numbers as we do. Sums of double
 * precision in another order may differ in their last digit.
 */
export function sameRows(files: {
  readonly ours: string;
  readonly other: string;
  readonly columns: readonly string[];
}): void {
  const [rows = [], others = []] = [files.ours, files.other].map((file) =>
    readFileSync(file, 'utf8').trimEnd().split('\n'),
  );
  if (rows.length !== others.length) throw new Error(`${rows.length} rows, the other has ${others.length}`);
  for (const [i, row] of rows.entries()) {
    const [x, y] = [JSON.parse(row), JSON.parse(others[i] ?? '')] as Record<string, unknown>[];
    if (files.columns.some((name) => !isSame(x?.[name], y?.[name])))
      throw new Error(`row ${i}: ${row}, the other ${others[i]}`);
  }
}

const isSame = (a: unknown, b: unknown): boolean =>
  a === b || (typeof a === 'number' && typeof b === 'number' && Math.abs(a - b) <= Math.abs(a) * 1e-12);
