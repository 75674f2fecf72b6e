import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/**
 * Ratios in one run: ours and the other are timed in turn, round by round, so that a slow spell of the machine hits
 * both, and their medians are compared. Absolute times of a shared machine mean little; the ratio is what a target is
 * about.
 */
export interface Comparison {
  /** What is measured, with its unit of work: `decode a 1 MiB aggregate`. */
  readonly name: string;
  /** What it is compared with. */
  readonly versus: string;
  /** How many times as fast as the other ours must be. Undefined: shown for information. */
  readonly target: number | undefined;
  readonly rounds: number;
  /** Both throw when what they made is wrong; comparing the outputs is the caller's part, before it measures. */
  ours(): unknown;
  other(): unknown;
  /** Runs before each timed run, and is not timed: empties a table, say. */
  before?(): unknown;
}

export interface Measured {
  readonly name: string;
  readonly versus: string;
  readonly target: number | undefined;
  readonly oursMillis: number;
  readonly otherMillis: number;
  readonly ratio: number;
}

export async function measure(comparison: Comparison): Promise<Measured> {
  const ours: number[] = [];
  const other: number[] = [];
  const { name, versus, target, rounds, before } = comparison;
  for (let round = 0; round < rounds + WARM_UP_ROUNDS; round++) {
    const oursMillis = await timed(() => comparison.ours(), before);
    const otherMillis = await timed(() => comparison.other(), before);
    if (round < WARM_UP_ROUNDS) continue;
    ours.push(oursMillis);
    other.push(otherMillis);
  }
  const oursMillis = median(ours);
  const otherMillis = median(other);
  return { name, versus, target, oursMillis, otherMillis, ratio: otherMillis / oursMillis };
}

export function hasMissed({ target, ratio }: Measured): boolean {
  return target !== undefined && ratio < target;
}

/** The results as lines of a table, one a comparison. */
export function tableOf(results: readonly Measured[]): string {
  const rows = [
    ['what', 'ours', 'versus', 'takes', 'ratio', 'target', ''],
    ...results.map((result) => [
      result.name,
      `${result.oursMillis.toFixed(2)} ms`,
      result.versus,
      `${result.otherMillis.toFixed(2)} ms`,
      `${result.ratio.toFixed(2)} ×`,
      result.target === undefined ? '' : `≥ ${result.target} ×`,
      result.target === undefined ? '' : hasMissed(result) ? 'MISSED' : 'ok',
    ]),
  ];
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** What a benchmark file does when it is executed directly: measure, print, and exit with 1 when a target is missed. */
export async function runAlone(benchmark: () => Promise<readonly Measured[]>): Promise<void> {
  const results = await benchmark();
  console.log(tableOf(results));
  if (results.some(hasMissed)) process.exitCode = 1;
}

/** Enough for the compiler to have optimised both sides. */
const WARM_UP_ROUNDS = 3;

/**
 * Before each timed run, so that neither side pays for what the other left behind. The young generation only: after a
 * full collection V8 makes it small again, and whoever allocates more would be timed while it grows.
 */
const collectGarbage = exposedCollector();

function exposedCollector(): () => void {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as (options: { type: 'minor' }) => void;
  return () => collect({ type: 'minor' });
}

async function timed(run: () => unknown, before: (() => unknown) | undefined): Promise<number> {
  await before?.();
  collectGarbage();
  const start = performance.now();
  await run();
  return performance.now() - start;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2;
}
