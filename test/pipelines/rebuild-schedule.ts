import { z } from 'zod';
import { defineTable, type Table } from '../../functions/runtime/table.ts';
import { definePipeline, minutes, type Streams } from '../../infra/pipelines/pipeline.ts';
import { seededRandom } from '../infra/emulator/mapping/seeded-random.ts';
import { event } from '../kit/given-events.ts';
import { type PipelineRun, startPipelineRun } from '../kit/pipeline-run.ts';
import { differencesOfChanges } from './changes-compared.ts';

export const Value = z.object({ id: z.string(), n: z.int32() });

/** The first code: sums, of which it refuses a certain number. */
export const REFUSED_BY_FIRST = 13;

export const sums = defineTable({
  entry: import.meta.url,
  from: Value,
  row: z.object({ id: z.string(), sum: z.int32() }),
  key: ['id'],
  reduce(row, { data: { id, n } }) {
    if (n === REFUSED_BY_FIRST) throw new Error('an unlucky number');
    return { id, sum: (row?.sum ?? 0) + n };
  },
});

/** Other code: it counts too, and refuses another number. `factor` tells one version of it from another. */
export const counted = (factor: number, refused: number): Table<never> =>
  defineTable({
    entry: import.meta.url,
    from: Value,
    row: z.object({ id: z.string(), sum: z.int32(), [`count${factor}`]: z.int32() }),
    key: ['id'],
    reduce(row, { data: { id, n } }) {
      if (n === refused) throw new Error('a number that is refused');
      const column = `count${factor}`;
      const before = (row as Readonly<Record<string, number>> | undefined)?.[column] ?? 0;
      return { id, sum: (Number(row?.sum) || 0) + n * factor, [column]: before + 1 };
    },
  }) as unknown as Table<never>;

export const REFUSED_BY_OTHERS = 17;

export const values = definePipeline({
  name: 'values',
  streams: { raw: { schema: Value, shards: 2 } },
  tables: { sums: { from: 'raw', keep: sums } },
});

/** The same with a change stream, and a table of its changes: the differences add up to the sums. */
export const Change = Value.pick({ id: true }).extend({
  sum: z.int32(),
  before: z.object({ sum: z.int32() }).nullable(),
});

export const added = defineTable({
  entry: import.meta.url,
  from: Change,
  row: z.object({ id: z.string(), sum: z.int32() }),
  key: ['id'],
  reduce: (row, { type, data: { id, sum, before } }) => {
    const now = (row?.sum ?? 0) + (type === 'sums.deleted' ? 0 : sum) - (before?.sum ?? 0);
    return { id, sum: now };
  },
});

export const published = definePipeline({
  name: 'values',
  streams: { raw: { schema: Value, shards: 2 }, changes: { schema: Change } },
  tables: {
    sums: { from: 'raw', keep: sums, changes: { to: 'changes', before: true } },
    added: { from: 'changes', keep: added },
  },
});

export const value = (id: string, n: number) => event({ type: 'value.came', key: id, data: { id, n } });

/** The constraint's limit: no sum may be above it as long as the database is strict. */
const TOO_MANY = 1_000_000;

type Run = Pick<PipelineRun<typeof values.streams>, keyof PipelineRun<typeof values.streams>>;

/** A run of a pipeline with a stream `raw` and a table `sums`. */
export type ValuesRun = Run;

/**
 * Plays one random schedule in which code is deployed that keeps other columns, again and again, in the middle of
 * faults, splits, merges, pauses and redrives. Returns a line for each difference to what the last code makes of all
 * events.
 */
export async function playRebuilds(
  seed: number,
  { changes = false }: { readonly changes?: boolean } = {},
): Promise<readonly string[]> {
  const random = seededRandom(seed);
  const below = (count: number): number => Math.floor(random() * count);
  const of = { seed, recordBytes: 1_000 };
  const withChanges = changes ? await startPipelineRun(published, of) : undefined;
  using run = (withChanges ?? (await startPipelineRun(values, of))) as Run;
  let isStrict = true;
  run.when.refused('sums', ({ sum }) => (isStrict && Number(sum) >= TOO_MANY ? 'few' : undefined));
  run.when.anythingFails({ most: 40, probability: 0.1 });
  const all: { readonly id: string; readonly n: number }[] = [];
  let factor = 1;
  for (let handful = 0; handful < 8; handful++) {
    const some = Array.from({ length: 1 + below(12) }, () => ({ id: `k${below(5)}`, n: someNumber(below) }));
    all.push(...some);
    await run.given(
      'raw',
      some.map(({ id, n }) => value(id, n)),
    );
    await disturb(run, below);
    if (below(4) === 0) isStrict = !isStrict;
    if (below(3) === 0) factor = deployOther(run, below);
    if (below(4) === 0) await run.when.redriven('sums');
    await run.when.pass(below(4) * 600);
  }
  run.when.deployed('sums', counted(2, REFUSED_BY_OTHERS));
  factor = 2;
  isStrict = false;
  await run.given('raw', [value('k0', 1)]);
  all.push({ id: 'k0', n: 1 });
  await run.settled();
  await redriveAll(run);
  await run.settled();
  if (withChanges === undefined) return differencesOfSums(run, all, factor);
  return [
    ...differencesOfSums(run, all, factor),
    ...differencesOfChanges(withChanges, 'sums', 'changes'),
    ...differencesOfReaders(withChanges),
  ];
}

/** Compares the table with what another one has made of its changes. */
export function differencesOfReaders(run: Pick<PipelineRun<Streams>, 'table' | 'deadLetters'>): readonly string[] {
  const textOf = (rows: readonly object[]): string =>
    (rows as readonly { readonly id: string; readonly sum: number }[])
      .map(({ id, sum }) => `${id} ${sum}`)
      .toSorted()
      .join(', ');
  const [own, made] = [textOf(run.table('sums')), textOf(run.table('added'))];
  const letters = run.deadLetters('added').map(({ message }) => `a change is a dead letter: ${message}`);
  return own === made ? letters : [...letters, `the changes add up to ${made}, not ${own}`];
}

export function someNumber(below: (count: number) => number): number {
  const which = below(12);
  if (which === 0) return TOO_MANY;
  if (which === 1) return REFUSED_BY_FIRST;
  if (which === 2) return REFUSED_BY_OTHERS;
  return 1 + below(9);
}

/** Returns the code of a factor. */
export function codeOf(factor: number) {
  return factor === 1 ? sums : counted(factor, REFUSED_BY_OTHERS);
}

function deployOther(run: Run, below: (count: number) => number): number {
  const factor = 1 + below(3);
  run.when.deployed('sums', codeOf(factor));
  return factor;
}

/** Does one random thing, or nothing, to a run. */
export async function disturb(run: Run, below: (count: number) => number): Promise<void> {
  const how = below(9);
  if (how === 0) await run.when.resharded('raw', 'split');
  if (how === 1) await run.when.resharded('raw', 'merge').catch(() => undefined);
  if (how === 2) run.when.killed('sums');
  if (how === 3) run.when.recut('sums');
  if (how === 4) await run.when.down('sums postgres', minutes(10));
  // An operator asks to make the table again, and may end the command before that is done.
  if (how === 6) await run.when.rewound('sums', 'earliest', { pulls: 1 + below(3) });
  if (how === 5) {
    await run.when.paused('sums');
    await run.when.pass(minutes(1));
    await run.when.resumed('sums');
  }
}

export async function redriveAll(run: { readonly when: Pick<Run['when'], 'redriven'> }): Promise<void> {
  for (let attempt = 0; attempt < 20; attempt++) if (await run.when.redriven('sums')) return;
}

/** Compares the sums with what the code of a factor makes of all events, and the dead letters with what it refuses. */
export function differencesOfSums(
  run: Pick<PipelineRun<Streams>, 'table' | 'deadLetters'>,
  all: readonly { readonly id: string; readonly n: number }[],
  factor: number,
): readonly string[] {
  const expected = new Map<string, string>();
  const state = new Map<string, { readonly sum: number; readonly count: number }>();
  for (const { id, n } of all) {
    if (n === REFUSED_BY_OTHERS) continue;
    const { sum, count } = state.get(id) ?? { sum: 0, count: 0 };
    state.set(id, { sum: sum + n * factor, count: count + 1 });
  }
  for (const [id, { sum, count }] of state) expected.set(id, `${sum} of ${count}`);
  const found = new Map(
    run.table('sums').map((row) => [String(row.id), `${row.sum} of ${row[`count${factor}`] ?? 'none'}`]),
  );
  const ids = [...new Set([...expected.keys(), ...found.keys()])];
  // A letter that is redriven may be stored once more, by a retry: the next redrive takes it off.
  const letters = new Set(run.deadLetters('sums').map(({ event: of }) => of?.id)).size;
  const refused = all.filter(({ n }) => n === REFUSED_BY_OTHERS).length;
  return [
    ...ids
      .filter((id) => expected.get(id) !== found.get(id))
      .map((id) => `${id} is ${found.get(id)} and should be ${expected.get(id)}`),
    ...(letters === refused ? [] : [`${letters} dead letters of ${refused}`]),
  ];
}
