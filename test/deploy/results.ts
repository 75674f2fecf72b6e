import type { Check } from '../../infra/local/demo/checks.ts';

/** The suite's results, printed step by step. */
export interface Results {
  readonly passed: number;
  readonly failed: number;
  /** The steps that the server cannot do. */
  readonly skipped: number;
  /**
   * Runs a step, and prints its checks and its duration. After a step has thrown, later ones are not run and count as
   * failed.
   */
  step(name: string, work: () => Promise<readonly Check[]>): Promise<void>;
  /** Tells a step that the server cannot do, and why. It counts as skipped, and the later ones are run. */
  skip(name: string, why: string): void;
}

/** Sums up, as in `70 passed, 0 failed, 2 skipped`. */
export function counted({ passed, failed, skipped }: Pick<Results, 'passed' | 'failed' | 'skipped'>): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}

export function openResults(say: (line: string) => void): Results {
  const startedMillis = Date.now();
  let passed = 0;
  let failed = 0;
  let skipped = 0;
  let broken = false;

  function report(check: Check): void {
    const { what, expected, found } = check;
    if (expected === found) passed++;
    else failed++;
    say(
      expected === found
        ? `    ✓ ${what}: ${shown(found)}`
        : `    ✗ ${what}: expected ${shown(expected)}, found ${shown(found)}`,
    );
  }

  return {
    get passed() {
      return passed;
    },
    get failed() {
      return failed;
    },
    get skipped() {
      return skipped;
    },
    skip(name, why) {
      skipped++;
      say(`${secondsSince(startedMillis)}  ${name}\n    – skipped: ${why}`);
    },
    async step(name, work) {
      if (broken) {
        failed++;
        return say(`${secondsSince(startedMillis)}  ${name}\n    ✗ not run`);
      }
      const stepMillis = Date.now();
      say(`${secondsSince(startedMillis)}  ${name}`);
      try {
        for (const check of await work()) report(check);
        say(`    ${secondsSince(stepMillis).trim()}`);
      } catch (error) {
        failed++;
        broken = true;
        say(`    ✗ ${error instanceof Error ? error.stack : String(error)}`);
      }
    },
  };
}

function shown(value: number | string): string {
  return typeof value === 'number' ? value.toLocaleString('en-US') : value === '' ? 'nothing' : value;
}

function secondsSince(startMillis: number): string {
  return `${((Date.now() - startMillis) / 1_000).toFixed(1)} s`.padStart(8);
}
