import { SqlMistake } from '../../infra/sql/syntax/source-position.ts';
import type { Oracle } from '../infra/sql/oracle.ts';
import { seeded } from '../infra/sql/random.ts';
import { type CompiledTable, compiledTable } from './compiled.ts';
import { type Playing, play, seedOf } from './play.ts';
import { randomQuery, selectText, simplerQueries, type TableQuery, tableText } from './query.ts';
import { differenceOf } from './truth.ts';

export interface Wanted {
  readonly queries: number;
  readonly streams: number;
  readonly seed: number;
  /** Called after each stream, with the number of comparisons so far. */
  readonly onProgress?: (done: number) => void;
}

export interface TablesReport {
  readonly comparisons: number;
  /** The commits at which a table was compared. */
  readonly positions: number;
  readonly rejections: number;
  /** The events that had missed a window. */
  readonly late: number;
  readonly difference: Difference | undefined;
}

export interface Difference {
  readonly query: TableQuery;
  readonly playing: Playing;
  readonly detail: string;
}

/** So many queries read one stream, each as a table step of its own. Every other time they have windows. */
const TOGETHER = 5;

/** Compares random queries over random streams with Postgres. Stops at the first difference. */
export async function compareTables(oracle: Oracle, wanted: Wanted): Promise<TablesReport> {
  const random = seeded(wanted.seed);
  const totals = { comparisons: 0, positions: 0, rejections: 0, late: 0 };
  for (let done = 0; done < wanted.queries; done += TOGETHER) {
    const count = Math.min(TOGETHER, wanted.queries - done);
    const windows = (done / TOGETHER) % 2 === 1;
    const queries = Array.from({ length: count }, () => randomQuery(random, { windows }));
    for (let stream = 0; stream < wanted.streams; stream++) {
      const playing = { seed: seedOf(wanted.seed, stream, done) };
      const difference = await compareQueries(oracle, queries, { playing, totals });
      if (difference !== undefined) return { ...totals, difference };
      wanted.onProgress?.(totals.comparisons);
    }
  }
  return { ...totals, difference: undefined };
}

interface Comparing {
  readonly playing: Playing;
  readonly totals?: { comparisons: number; positions: number; rejections: number; late: number };
}

/** Compares some queries over one stream. */
export async function compareQueries(
  oracle: Oracle,
  queries: readonly TableQuery[],
  { playing, totals }: Comparing,
): Promise<Difference | undefined> {
  const compiled = await Promise.all(queries.map((query, i) => compile(query, `t${i}`)));
  const { given, log, tables } = await play(
    compiled.map(({ table }) => table),
    playing,
  );
  for (const [i, query] of queries.entries()) {
    const [of, played] = [compiled[i], tables[i]];
    if (of === undefined || played === undefined) continue;
    const detail = await differenceOf(oracle, { query, compiled: of, given, log, played });
    if (detail !== undefined) return { query, playing, detail };
    if (totals === undefined) continue;
    totals.comparisons += 1;
    totals.positions += played.commits.length;
    totals.rejections += played.rejected.size;
    totals.late += played.late.size;
  }
  return undefined;
}

async function compile(query: TableQuery, name: string): Promise<CompiledTable> {
  const text = tableText(query, name);
  try {
    return await compiledTable(text, name);
  } catch (error) {
    // Postgres has not been asked yet: a statement of the generator is one that both understand.
    throw error instanceof SqlMistake ? new Error(`the generator made a wrong statement: ${error.message}`) : error;
  }
}

/** Makes a failing case smaller: fewer faults, a shorter stream, a simpler query. */
export async function shrunk(oracle: Oracle, failing: Difference): Promise<Difference> {
  let smallest = failing;
  const tryOne = async (query: TableQuery, playing: Playing): Promise<boolean> => {
    const found = await compareQueries(oracle, [query], { playing }).catch(() => undefined);
    if (found !== undefined) smallest = found;
    return found !== undefined;
  };
  // Alone, the step meets other faults: then the case stays as it is.
  if (!(await tryOne(failing.query, { ...failing.playing, calm: true }))) await tryOne(failing.query, failing.playing);
  for (let isSmaller = true; isSmaller; ) {
    isSmaller = false;
    for (const query of simplerQueries(smallest.query)) {
      if (!(await tryOne(query, smallest.playing))) continue;
      isSmaller = true;
      break;
    }
  }
  for (let most = 32; most >= 1; most >>= 1) await tryOne(smallest.query, { ...smallest.playing, most });
  return smallest;
}

/** Says what differs, and how to see it again. */
export function differenceText({ query, playing, detail }: Difference): string {
  const stream = [
    `stream of seed ${playing.seed}`,
    ...(playing.most === undefined ? [] : [`its first ${playing.most} events`]),
    ...(playing.calm === true ? ['without faults'] : []),
  ].join(', ');
  return `${tableText(query, 't0')}\n  in Postgres: ${selectText(query, 'theirs')}\n  ${stream}\n${detail}`;
}
