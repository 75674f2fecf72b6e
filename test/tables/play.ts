import type { Table } from '../../functions/runtime/table.ts';
import { definePipeline, minutes } from '../../infra/pipelines/pipeline.ts';
import { type Random, seeded } from '../infra/sql/random.ts';
import { type PipelineRun, startPipelineRun } from '../kit/pipeline-run.ts';
import { Fact, randomFact } from './stream.ts';

/** What a table step did: each commit's events, by their ids, with what the table showed then. */
export interface PlayedTable {
  readonly commits: readonly { readonly events: readonly string[]; readonly rows: readonly string[] }[];
  /** The ids of the events that became dead letters. */
  readonly rejected: ReadonlySet<string>;
}

export interface Played {
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

/** Plays a random stream against table steps, with faults, splits, merges, deaths and batches that are cut again. */
export async function play(
  tables: readonly Table[],
  { seed, most = Infinity, calm = false }: Playing,
): Promise<Played> {
  const random = seeded(seed);
  const names = tables.map((_, i) => `t${i}`);
  const pipeline = definePipeline({
    name: 'oracle',
    streams: { s: { schema: Fact, shards: 2 } },
    tables: Object.fromEntries(names.map((name, i) => [name, { from: 's', keep: tables[i] }])) as never,
  });
  const run = await startPipelineRun(pipeline, { seed, recordBytes: 2_000 });
  const commits = names.map((): PlayedTable['commits'][number][] => []);
  for (const [i, name] of names.entries())
    run.watch(name, (events, rows) => commits[i]?.push({ events: events.map(({ id }) => id), rows }));
  if (!calm) run.when.anythingFails({ most: 10 * names.length, probability: 0.08 });
  const given: Played['given'][number][] = [];
  for (let handful = 0; handful < HANDFULS; handful++) {
    const some = Array.from({ length: 1 + random.below(10) }, () => randomFact(random)).slice(0, most - given.length);
    for (const { type = '', time = '', data } of some) given.push({ id: `given-${given.length}`, type, time, data });
    if (some.length > 0) await run.given('s', some);
    const disturbing = { how: random.below(8), table: random.pick(names) };
    if (!calm) await disturb(run, disturbing);
    await run.when.pass(random.below(4) * 600);
  }
  await run.settled();
  return {
    given,
    tables: names.map((name, i) => ({
      commits: commits[i] ?? [],
      rejected: new Set(run.deadLetters(name).map(({ text = '{}' }) => (JSON.parse(text) as { id: string }).id)),
    })),
  };
}

interface Disturbing {
  readonly how: number;
  readonly table: string;
}

async function disturb(run: PipelineRun<{ readonly s: { readonly schema: typeof Fact } }>, { how, table }: Disturbing) {
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
