import { z } from 'zod';
import { defineTable, type Table } from '../../functions/runtime/table.ts';
import { tumbling } from '../../functions/runtime/windows.ts';
import { definePipeline, minutes } from '../../infra/pipelines/pipeline.ts';
import { seededRandom } from '../infra/emulator/mapping/seeded-random.ts';
import { type PipelineRun, startPipelineRun } from '../kit/pipeline-run.ts';
import { differencesOfChanges } from './changes-compared.ts';
import { disturb, type ValuesRun, value } from './rebuild-schedule.ts';

/** What the code of a table with a change stream changes, again and again: its windows, or its key. */
export type Kind = 'windows' | 'final windows' | 'key';

const Value = z.object({ id: z.string(), n: z.int32() });
const Row = z.object({ id: z.string(), sum: z.int32() });
const KEPT = minutes(12);

/** Adds up by windows of some minutes. */
const summed = (size: number, emit: 'changes' | 'final'): Table<never> =>
  defineTable({
    entry: import.meta.url,
    from: Value,
    row: Row,
    key: ['id'],
    window: tumbling({ size: minutes(size), grace: minutes(size), retention: KEPT + minutes(size), emit }),
    reduce: (row, { data: { id, n } }) => ({ id, sum: (row?.sum ?? 0) + n }),
  }) as unknown as Table<never>;

/** Adds up by the id, or by the id and the number. */
const keyed = (...key: readonly ('id' | 'n')[]): Table<never> =>
  defineTable({
    entry: import.meta.url,
    from: Value,
    row: Row.extend({ n: z.int32() }),
    key,
    reduce: (row, { data: { id, n } }) => ({ id, n, sum: (row?.sum ?? 0) + n }),
  }) as unknown as Table<never>;

const codes: Readonly<Record<Kind, readonly [Table<never>, Table<never>, ...Table<never>[]]>> = {
  windows: [summed(1, 'changes'), summed(3, 'changes'), summed(2, 'changes')],
  'final windows': [summed(1, 'final'), summed(3, 'final'), summed(2, 'changes')],
  key: [keyed('id', 'n'), keyed('n', 'id'), keyed('id', 'n')],
};

const pipelineOf = (keep: Table<never>) =>
  definePipeline({
    name: 'values',
    streams: { raw: { schema: Value, shards: 2 }, changes: { schema: z.looseObject({ id: z.string() }) } },
    // Which columns the changes have depends on the code.
    tables: { sums: { from: 'raw', keep, changes: { to: 'changes', before: true } } } as never,
  });

type Run = PipelineRun<ReturnType<typeof pipelineOf>['streams']>;

interface Sum {
  readonly id: string;
  readonly n?: number;
  readonly sum: number;
  readonly window_start?: string;
  readonly window_end?: string;
}

interface Came {
  readonly id: string;
  readonly n: number;
  readonly millis: number;
}

/**
 * Plays one random schedule in which code with other windows, or with another key, is deployed again and again, in the
 * middle of faults, splits, merges and pauses. Returns a line for each difference to what the last code makes of all
 * events, and to what the readers of the changes know.
 */
export async function playKinds(seed: number, kind: Kind): Promise<readonly string[]> {
  const random = seededRandom(seed);
  const below = (count: number): number => Math.floor(random() * count);
  const [first, ...others] = codes[kind];
  using run = await startPipelineRun(pipelineOf(first), { seed, recordBytes: 1_000 });
  run.when.anythingFails({ most: 30, probability: 0.08 });
  const all: Came[] = [];
  let code: Table<never> = first;
  for (let handful = 0; handful < 8; handful++) {
    all.push(...(await give(run, below)));
    await disturb(run as unknown as ValuesRun, below);
    if (below(2) === 0) {
      code = [first, ...others][below(others.length + 1)] ?? first;
      run.when.deployed('sums', code);
    }
    await run.when.pass(below(3) * minutes(2));
  }
  code = others[below(2)] ?? first;
  run.when.deployed('sums', code);
  all.push(...(await give(run, below)));
  await run.settled();
  await run.when.pass(minutes(1));
  await run.settled();
  return [
    ...differencesOfChanges(withoutGone(run), 'sums', 'changes'),
    ...differencesOfFold(run),
    ...(kind === 'key' ? differencesOfKeys(run, all) : differencesOfWindows(run, { all, code })),
  ];
}

async function give(run: Run, below: (count: number) => number): Promise<readonly Came[]> {
  const millis = run.now();
  const some = Array.from({ length: 1 + below(12) }, () => ({ id: `k${below(5)}`, n: 1 + below(3), millis }));
  await run.given(
    'raw',
    some.map(({ id, n }) => value(id, n)),
  );
  return some;
}

/** The run without deletions of windows that may be gone: a table drops these, which is no change. */
function withoutGone(run: Run): Parameters<typeof differencesOfChanges>[0] {
  const isDropped = (row: unknown): boolean => isGone(run, row as Sum);
  return {
    commits: (name) =>
      run.commits(name).map((one) => ({
        ...one,
        rows: one.rows.filter(({ old, now }) => now !== undefined || !isDropped(old)),
      })),
    stream: () => ({
      events: () =>
        run
          .stream('changes')
          .events()
          .filter(({ type, data }) => type !== 'sums.deleted' || !isDropped(data)),
    }),
  };
}

/**
 * Folds the changes, and compares what they add up to with the table. Windows that are no longer kept stay in there.
 */
function differencesOfFold(run: Run): readonly string[] {
  const folded = new Map<string, string>();
  for (const { type, key, data } of run.stream('changes').events()) {
    const { before, ...row } = data as Sum & { readonly before: Sum | null };
    const known = folded.get(key);
    if (known !== (before === null ? undefined : textOf(before)) && !isGone(run, row))
      return [`a change of ${key} comes after ${JSON.stringify(before)}, and its readers know ${known}`];
    if (type === 'sums.deleted') folded.delete(key);
    else folded.set(key, textOf(row));
  }
  const shown = new Set((run.table('sums') as unknown as readonly Sum[]).map((row) => textOf(row)));
  const known = [...folded.values()];
  return [
    ...[...shown].filter((row) => !known.includes(row)).map((row) => `the changes do not add up to ${row}`),
    ...known
      .filter((row) => !shown.has(row) && !isGone(run, JSON.parse(row) as Sum))
      .map((row) => `the changes add up to ${row}, which the table does not have`),
  ];
}

function textOf({ id, n, sum, window_start, window_end }: Sum): string {
  const iso = (time: string | undefined) => time && new Date(time).toISOString();
  return JSON.stringify({ id, n, sum, window_start: iso(window_start), window_end: iso(window_end) });
}

/**
 * Tells whether the window of a row may be gone, or begins before one that is. The kit's time and that of the shards
 * are never far apart.
 */
function isGone(run: Run, { window_end: end }: Pick<Sum, 'window_end'>): boolean {
  return end !== undefined && Date.parse(end) <= run.now() - KEPT + minutes(4);
}

function differencesOfKeys(run: Run, all: readonly Came[]): readonly string[] {
  const expected = new Map<string, number>();
  for (const { id, n } of all) expected.set(`${id} ${n}`, (expected.get(`${id} ${n}`) ?? 0) + n);
  return compared(
    expected,
    new Map((run.table('sums') as unknown as readonly Sum[]).map(({ id, n, sum }) => [`${id} ${n}`, sum])),
  );
}

/** Compares the windows that are surely kept, and surely closed where the table shows only these. */
function differencesOfWindows(
  run: Run,
  { all, code }: { readonly all: readonly Came[]; readonly code: Table<never> },
): readonly string[] {
  const { sizeMillis: size = 0, graceMillis = 0, emit } = code.windows ?? {};
  const isCompared = (end: number): boolean =>
    end > run.now() - KEPT + minutes(3) && (emit !== 'final' || end + graceMillis < run.now() - minutes(2));
  const expected = new Map<string, number>();
  for (const { id, n, millis } of all) {
    const start = Math.floor(millis / size) * size;
    const name = `${id} ${new Date(start).toISOString()}`;
    if (isCompared(start + size)) expected.set(name, (expected.get(name) ?? 0) + n);
  }
  const found = (run.table('sums') as unknown as readonly Required<Sum>[])
    .filter(({ window_end }) => isCompared(Date.parse(window_end)))
    .map(({ id, window_start, sum }) => [`${id} ${new Date(window_start).toISOString()}`, sum] as const);
  return compared(expected, new Map(found));
}

function compared(expected: ReadonlyMap<string, number>, found: ReadonlyMap<string, number>): readonly string[] {
  const names = new Set([...expected.keys(), ...found.keys()]);
  return [...names]
    .filter((name) => expected.get(name) !== found.get(name))
    .map((name) => `${name} is ${found.get(name)} and should be ${expected.get(name)}`);
}
