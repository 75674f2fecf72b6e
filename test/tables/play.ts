import { z } from 'zod';
import type { Table } from '../../functions/runtime/table.ts';
import { definePipeline, minutes } from '../../infra/pipelines/pipeline.ts';
import { type Random, seeded } from '../infra/sql/random.ts';
import { type PipelineRun, startPipelineRun } from '../kit/pipeline-run.ts';
import type { ReadUpTo } from '../kit/tables.ts';
import type { LogItem } from '../kit/views.ts';
import { Fact, randomFact } from './stream.ts';

/** What a table step did: each commit's events, by their ids, with what the table showed then. */
export interface PlayedTable {
  readonly commits: readonly Commit[];
  /** The ids of the events that became dead letters and count nowhere, with the reasons. */
  readonly rejected: ReadonlyMap<string, string>;
  /** The ids of the events that became dead letters because they have missed windows. */
  readonly late: ReadonlySet<string>;
  /** Of a table with windows: its change stream. */
  readonly changes: readonly Change[];
}

export interface Commit {
  readonly events: readonly string[];
  readonly rows: readonly string[];
  /** How far the log was read. */
  readonly upTo: ReadUpTo;
}

export interface Change {
  readonly type: string;
  readonly key: string;
  readonly row: string;
}

export interface Played {
  readonly log: readonly LogItem[];
  /** Every given event: its id, type, time and data. */
  readonly given: readonly {
    readonly id: string;
    readonly type: string;
    readonly time: string;
    readonly data: object;
  }[];
  readonly tables: readonly PlayedTable[];
}

export interface Playing {
  readonly seed: number;
  /** Give so many events at most, for a shorter failing case. */
  readonly most?: number;
  /** Nothing fails, and nobody splits and merges shards. */
  readonly calm?: boolean;
}

const HANDFULS = 6;
/** Longer than the windows, their grace periods, and what events are ahead, together. */
const UNTIL_CLOSED = minutes(6);

/** Plays a random stream against table steps, with faults, splits, merges, deaths and batches that are cut again. */
export async function play(
  tables: readonly Table[],
  { seed, most = Infinity, calm = false }: Playing,
): Promise<Played> {
  const random = seeded(seed);
  const names = tables.map((_, i) => `t${i}`);
  const isTimed = tables.some(({ windows }) => windows !== undefined);
  using run = await startPipelineRun(pipelineOf(tables), {
    seed,
    recordBytes: 2_000,
    ...(isTimed ? { pollMillis: 5_000 } : {}),
  });
  const commits = names.map((): Commit[] => []);
  for (const [i, name] of names.entries())
    run.watch(name, (events, rows, upTo) => commits[i]?.push({ events: events.map(({ id }) => id), rows, upTo }));
  if (!calm) run.when.anythingFails({ most: 10 * names.length, probability: 0.08 });
  const given: Played['given'][number][] = [];
  for (let handful = 0; handful < HANDFULS; handful++) {
    const now = isTimed ? run.now() : undefined;
    const some = Array.from({ length: 1 + random.below(10) }, () => randomFact(random, now));
    some.splice(most - given.length);
    for (const { type = '', time = '', data } of some) given.push({ id: `given-${given.length}`, type, time, data });
    if (some.length > 0) await run.given('s', some);
    const disturbing = { how: random.below(8), table: random.pick(names) };
    if (!calm) await disturb(run, disturbing);
    await run.when.pass(random.below(4) * (isTimed ? 25_000 : 600));
  }
  await run.settled();
  if (isTimed) {
    await run.when.pass(UNTIL_CLOSED);
    await run.settled();
  }
  return {
    given,
    log: run.stream('s').log(),
    tables: names.map((name, i) => {
      const letters = run.deadLetters(name).map(({ text = '{}', reason }): [string, string] => {
        return [(JSON.parse(text) as { id: string }).id, reason];
      });
      return {
        commits: commits[i] ?? [],
        rejected: new Map(letters.filter(([, reason]) => reason !== 'late')),
        late: new Set(letters.flatMap(([id, reason]) => (reason === 'late' ? [id] : []))),
        changes: tables[i]?.windows === undefined ? [] : changesIn(run, i),
      };
    }),
  };
}

type Run = PipelineRun<{ readonly s: { readonly schema: typeof Fact } }>;

/** Tables with windows have a change stream: it shows what closed, and when. */
function pipelineOf(tables: readonly Table[]) {
  const withWindows = tables.flatMap(({ windows }, i) => (windows === undefined ? [] : [i]));
  return definePipeline({
    name: 'oracle',
    streams: {
      s: { schema: Fact, shards: 2 },
      ...Object.fromEntries(withWindows.map((i) => [`c${i}`, { schema: z.unknown() }])),
    },
    tables: Object.fromEntries(
      tables.map((keep, i) => [`t${i}`, { from: 's', keep, ...(withWindows.includes(i) ? { changes: `c${i}` } : {}) }]),
    ) as never,
  });
}

function changesIn(run: Run, table: number): readonly Change[] {
  return run
    .stream(`c${table}` as never)
    .events()
    .map(({ type, key, dataBytes }) => ({ type, key, row: Buffer.from(dataBytes).toString() }));
}

interface Disturbing {
  readonly how: number;
  readonly table: string;
}

async function disturb(run: Run, { how, table }: Disturbing) {
  if (how === 0) await run.when.resharded('s', 'split');
  if (how === 1) await run.when.resharded('s', 'merge').catch(() => undefined);
  if (how === 2) run.when.killed(table);
  if (how === 3) run.when.recut(table);
  if (how === 4) await run.when.down(`${table} postgres`, minutes(2));
}

/** A stream's seed for the query with this number: every query meets other faults. */
export const seedOf = (seed: number, stream: number, batch: number): number =>
  (Math.imul(seed + 1, 1_000_003) + Math.imul(stream, 7_919) + batch) >>> 0;

export type { Random };
