/** What comparing one case with Postgres gave. */
export interface Comparison {
  /** What differs; undefined when nothing does. */
  readonly difference?: string;
  /** Refused here as not supported. */
  readonly unsupported: boolean;
  /** Rows or events that are an error on both sides. */
  readonly errors: number;
}

export const fails = (difference: string): Comparison => ({ unsupported: false, errors: 0, difference });

export interface Difference {
  readonly sql: string;
  readonly detail: string;
}

export interface Report {
  readonly cases: number;
  readonly unsupported: number;
  readonly errors: number;
  readonly differences: readonly Difference[];
}

export interface Wanted {
  readonly cases: number;
  readonly seed: number;
  readonly report?: (done: number) => void;
}

const ENOUGH = 20;

/** One batch of cases: their comparisons, and how the case of an index is made as small as it can be. */
export interface Batch {
  readonly comparisons: readonly Comparison[];
  readonly shrink: (index: number) => Promise<Difference>;
}

/** Runs batches until there are enough cases, or more differences than anyone reads. */
export async function inBatches(
  { cases, report }: Wanted,
  size: number,
  batch: (done: number, count: number) => Promise<Batch>,
): Promise<Report> {
  const totals = { cases: 0, unsupported: 0, errors: 0, differences: [] as Difference[] };
  while (totals.cases < cases && totals.differences.length < ENOUGH) {
    const { comparisons, shrink } = await batch(totals.cases, Math.min(size, cases - totals.cases));
    for (const [i, { unsupported, errors, difference }] of comparisons.entries()) {
      totals.unsupported += unsupported ? 1 : 0;
      totals.errors += errors;
      if (difference !== undefined) totals.differences.push(await shrink(i));
    }
    totals.cases += comparisons.length;
    report?.(totals.cases);
  }
  return totals;
}
