import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/**
 * Compares two implementations in one run. They are timed in turn, round by round, so that a slow moment of the machine
 * affects both, and the ratio of their medians is the result. Absolute times on a shared machine mean little.
 */
export interface Comparison {
  /** The name of the work, with its unit: `decode a 1 MiB aggregate`. */
  readonly name: string;
  /** The name of the other implementation. */
  readonly versus: string;
  /** How many times as fast ours must be; undefined when the row is for information only. */
  readonly target: number | undefined;
  readonly rounds: number;
  /** Both throw when their output is wrong. The caller compares the outputs before it measures. */
  ours(): unknown;
  other(): unknown;
  /** Runs before each timed run, untimed: it may empty a table. */
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

/** Formats the results as a table with one line for each comparison. */
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

/** Measures, prints and exits with 1 when a target is missed. Call this when a benchmark file is executed directly. */
export async function runAlone(benchmark: () => Promise<readonly Measured[]>): Promise<void> {
  const results = await benchmark();
  console.log(tableOf(results));
  if (results.some(hasMissed)) process.exitCode = 1;
}

/** Enough rounds for the compiler to optimise both sides. */
const WARM_UP_ROUNDS = 3;

/**
 * Collects garbage before each timed run, so that neither side pays for the other's. It collects the young generation
 * only: after a full collection V8 shrinks that generation, and the side that allocates more would be timed while it
 * grows.
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
