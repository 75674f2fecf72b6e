import { z } from 'zod';
import { covers } from '../../functions/runtime/log/shards.ts';
import { hashOf } from '../../functions/runtime/record-codec/hash.ts';
import { defineTable } from '../../functions/runtime/table.ts';
import { defineTransform } from '../../functions/runtime/transform.ts';
import { tumbling } from '../../functions/runtime/windows.ts';
import { definePipeline, minutes } from '../../infra/pipelines/pipeline.ts';
import { seededRandom } from '../infra/emulator/mapping/seeded-random.ts';
import { event } from '../kit/given-events.ts';
import { type PipelineRun, startPipelineRun } from '../kit/pipeline-run.ts';
import type { LogItem } from '../kit/views.ts';

const MINUTE = 60_000;
const SIZE = 10 * MINUTE;
const GRACE = 3 * MINUTE;

const Sale = z.object({ region: z.string(), number: z.int32() });

const numbers = defineTable({
  entry: import.meta.url,
  from: Sale,
  row: z.object({ region: z.string(), numbers: z.array(z.int32()) }),
  key: ['region'],
  window: tumbling({ size: SIZE, grace: GRACE, retention: 180 * MINUTE, emit: 'final' }),
  reduce: (row, { data: { region, number } }) => ({ region, numbers: [...(row?.numbers ?? []), number] }),
});

const copy = defineTransform({
  entry: import.meta.url,
  from: Sale,
  to: Sale,
  apply: ({ type, data, time, key }) => [{ type, data, time, key }],
});

/** The same table twice: on the stream of a source, and behind a transform. */
const shop = definePipeline({
  name: 'shop',
  streams: {
    sales: { schema: Sale, shards: 2 },
    clean: { schema: Sale, shards: 2 },
    near: { schema: z.unknown() },
    far: { schema: z.unknown() },
  },
  transforms: { cleaning: { from: 'sales', apply: copy, to: 'clean' } },
  tables: {
    direct: { from: 'sales', keep: numbers, changes: 'near' },
    behind: { from: 'clean', keep: numbers, changes: 'far' },
  },
});

type Run = PipelineRun<typeof shop.streams>;

interface Sold {
  readonly number: number;
  readonly region: string;
  readonly millis: number;
}

const REGIONS = ['north', 'south', 'east', 'west', 'centre'];

/**
 * Plays one random schedule of faults, splits, merges and deaths, with events that come early, on time and late.
 * Returns a line for each window and each dead letter that differs from what the log says.
 */
export async function playWindows(seed: number): Promise<readonly string[]> {
  const random = seededRandom(seed);
  const below = (count: number): number => Math.floor(random() * count);
  const run = await startPipelineRun(shop, { seed, recordBytes: 2_000, pollMillis: 10_000 });
  run.when.anythingFails({ most: 20, probability: 0.05 });
  const sold: Sold[] = [];
  for (let handful = 0; handful < 8; handful++) {
    const some = Array.from({ length: 1 + below(6) }, () => {
      const ahead = below(6) === 0 ? 1 + below(4) : -below(22);
      const millis = Math.floor(run.now() / MINUTE) * MINUTE + ahead * MINUTE;
      return { number: 0, region: REGIONS[below(REGIONS.length)] as string, millis };
    }).map((one, index) => ({ ...one, number: sold.length + index }));
    sold.push(...some);
    await run.given('sales', some.map(eventOf));
    await disturb(run, below);
    await run.when.pass((1 + below(5)) * MINUTE - below(2) * 20_000);
  }
  await run.settled();
  await run.when.pass(minutes(25));
  await run.settled();
  return [...violations(run, sold, 'direct'), ...violations(run, sold, 'behind')];
}

function eventOf({ number, region, millis }: Sold) {
  return event({
    type: 'sale.made',
    key: region,
    time: new Date(millis).toISOString(),
    data: { region, number },
  });
}

async function disturb(run: Run, below: (count: number) => number): Promise<void> {
  const stream = below(2) === 0 ? 'sales' : 'clean';
  const step = (['direct', 'behind', 'cleaning'] as const)[below(3)] as string;
  const how = below(8);
  if (how === 0) await run.when.resharded(stream, 'split');
  if (how === 1) await run.when.resharded(stream, 'merge').catch(() => undefined);
  if (how === 2) run.when.killed(step);
  if (how === 3) run.when.recut(step);
  if (how === 4) await run.when.down(`${step} kinesis`, minutes(4)).catch(() => undefined);
  if (how === 5) run.when.deployed(step);
}

function violations(run: Run, sold: readonly Sold[], table: 'direct' | 'behind'): readonly string[] {
  const finals = run.stream(table === 'direct' ? 'near' : 'far').events();
  const counted = finals.flatMap(({ data }) => (data as { numbers: readonly number[] }).numbers);
  const letters = run.deadLetters(table);
  const late = letters.map(({ text = '' }) => (JSON.parse(text) as { data: Sold }).data.number);
  const lateInLog = lateNumbers(run.stream('sales').log());
  return [
    ...finals.filter(({ type }) => type !== `${table}.inserted`).map(({ type, key }) => `${table}: ${type} of ${key}`),
    ...letters
      .filter(({ reason }) => reason !== 'late')
      .map(({ reason, message }) => `${table}: ${reason}: ${message}`),
    ...twice(finals.map(({ key }) => key)).map((key) => `${table}: the window ${key} closed twice`),
    ...twice([...counted, ...late]).map((number) => `${table}: sale ${number} counts twice`),
    ...sold
      .filter(({ number }) => !counted.includes(number) && !late.includes(number))
      .map(({ number }) => `${table}: sale ${number} is neither counted nor a letter`),
    ...finals
      .flatMap(({ data }) => strangersIn(data as Final, sold))
      .map((number) => `${table}: sale ${number} is in another window`),
    // What a transform passes on is never ahead of the stream that it reads, so no other event is late behind it.
    ...late.filter((number) => !lateInLog.has(number)).map((number) => `${table}: sale ${number} was on time`),
    ...(table === 'direct' ? [...lateInLog].filter((number) => !late.includes(number)) : []).map(
      (number) => `direct: sale ${number} was late`,
    ),
  ];
}

interface Final {
  readonly region: string;
  readonly numbers: readonly number[];
  readonly window_start: string;
}

function strangersIn({ region, numbers, window_start }: Final, sold: readonly Sold[]): readonly number[] {
  const start = Date.parse(window_start);
  return numbers.filter((number) => {
    const one = sold[number];
    return one === undefined || one.region !== region || one.millis < start || one.millis >= start + SIZE;
  });
}

function twice<T>(all: readonly T[]): readonly T[] {
  return all.filter((one, index) => all.indexOf(one) !== index);
}

/**
 * Finds the sales that came late, key by key: by the watermark of the shards that cover the key. All events of these
 * shards move it, and the ticks that are aimed at the key.
 */
function lateNumbers(log: readonly LogItem[]): ReadonlySet<number> {
  const late = new Set<number>();
  for (const region of REGIONS) {
    const hash = hashOf(region);
    let watermark = Number.NEGATIVE_INFINITY;
    for (const { shard, arrivedMillis, event: one, tick } of log) {
      if (!covers(shard, hash)) continue;
      if (tick !== undefined && covers(tick.aim, hash)) watermark = Math.max(watermark, tick.millis);
      if (one === undefined) continue;
      const millis = Date.parse(one.time);
      if (one.key === region && Math.floor(millis / SIZE) * SIZE + SIZE + GRACE <= watermark)
        late.add((one.data as Sold).number);
      watermark = Math.max(watermark, Math.min(millis, arrivedMillis));
    }
  }
  return late;
}
