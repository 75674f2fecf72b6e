/** The result of comparing one case with Postgres. */
export interface Comparison {
  /** The difference; undefined if there is none. */
  readonly difference?: string;
  /** The statement is not supported here. */
  readonly unsupported: boolean;
  /** The number of rows or events that are an error on both sides. */
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

/** The comparisons of one batch of cases. `shrink` makes the case of an index as small as possible. */
export interface Batch {
  readonly comparisons: readonly Comparison[];
  readonly shrink: (index: number) => Promise<Difference>;
}

/** Runs batches until there are enough cases, or as many differences as anyone will read. */
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

/** Takes parts away from a failing case while a difference stays. Resolves to the smallest that was found. */
export async function shrunk<Case>(
  failing: Case,
  most: { readonly rounds: number },
  of: {
    readonly simpler: (one: Case) => readonly Case[];
    readonly compareAll: (cases: readonly Case[]) => Promise<readonly Comparison[]>;
  },
): Promise<{ readonly smallest: Case; readonly detail: string }> {
  let smallest = failing;
  for (let round = 0; round < most.rounds; round += 1) {
    const smaller = of.simpler(smallest);
    const results = await of.compareAll(smaller);
    const next = results.findIndex((result) => result.difference !== undefined);
    if (next === -1) break;
    smallest = smaller[next]!;
  }
  const [result] = await of.compareAll([smallest]);
  return { smallest, detail: result?.difference ?? 'does not fail alone' };
}
