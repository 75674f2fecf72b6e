import { beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { Question, Reply } from '../../../../functions/clients/query.ts';
import { openLogWriter } from '../../../../functions/runtime/log/log-writer.ts';
import { defineTable } from '../../../../functions/runtime/table.ts';
import { session } from '../../../../functions/runtime/windows.ts';
import { eventNoter } from '../../../../functions/sinks/postgres/event-column.ts';
import { postgresSink } from '../../../../functions/sinks/postgres/postgres.ts';
import { pipelineFinder } from '../../../../infra/operation/find-step.ts';
import { findEvents } from '../../../../infra/operation/lineage/find-events.ts';
import { traceBack } from '../../../../infra/operation/lineage/trace-back.ts';
import type { TracedEvent } from '../../../../infra/operation/lineage/traced-event.ts';
import type { Tracing } from '../../../../infra/operation/lineage/tracing.ts';
import { whyRow } from '../../../../infra/operation/lineage/why-row.ts';
import { whyTableRow } from '../../../../infra/operation/lineage/why-table-row.ts';
import { definePipeline, minutes } from '../../../../infra/pipelines/pipeline.ts';
import type { ReaderPlan, SinkPlan, StepPlan, TablePlan } from '../../../../infra/pipelines/plan.ts';
import { operate } from '../../../kit/operator.ts';
import { startWorld, type World } from '../../../kit/world.ts';

const Word = z.object({ word: z.string(), n: z.int32() });
const entry = import.meta.url;

/** Adds up the numbers of a word; 0 deletes the row, and a negative number is refused. */
const sums = defineTable({
  entry,
  from: Word,
  row: Word,
  key: ['word'],
  reduce(row, { data: { word, n } }) {
    if (n < 0) throw new Error('is negative');
    return n === 0 ? undefined : { word, n: (row?.n ?? 0) + n };
  },
});
const visits = defineTable({
  entry,
  from: Word,
  row: Word,
  key: ['word'],
  window: session({ gap: minutes(5) }),
  reduce: (row, { data: { word, n } }) => ({ word, n: (row?.n ?? 0) + n }),
  merge: (one, other) => ({ word: one.word, n: one.n + other.n }),
});

const words = definePipeline({
  name: 'words',
  streams: { raw: { schema: Word, shards: 2 }, loud: { schema: Word }, changes: { schema: Word } },
  transforms: { shouting: { from: 'raw', apply: { sql: 'SELECT upper(word) AS word, n FROM raw' }, to: 'loud' } },
  tables: { sums: { from: 'loud', keep: sums, changes: 'changes' }, visits: { from: 'loud', keep: visits } },
  sinks: {
    said: { from: 'raw', write: postgresSink({ table: 'said', key: ['word'], create: true }) },
    heard: { from: 'loud', write: postgresSink({ table: 'heard', key: ['word'], create: true }) },
  },
});

const { signal } = new AbortController();
let world: World;
beforeEach(async () => {
  const startMillis = Date.parse('2026-01-01T00:00:00Z');
  world = await startWorld({ pipelines: [words], recordBytes: undefined, pollMillis: undefined, seed: 1, startMillis });
});

const stepNamed = <S extends StepPlan>(name: string): S => world.steps.find((step) => step.name === name) as S;

/** Appends events to `raw`, each `[word, n]`, a minute apart or at a time, and lets the steps run. */
async function given(...events: readonly (readonly [word: string, n: number, minute?: number])[]): Promise<void> {
  await operate(world, async ({ clients: { kinesis }, streamName }) => {
    const { stream } = stepNamed<ReaderPlan>('shouting').input;
    const writer = openLogWriter({ kinesis, stream: streamName(stream) });
    const about = { source: '/given', type: 'word.said', sequence: undefined, traceparent: undefined };
    const outgoing = events.map(([word, n, minute = 0], index) => ({
      ...about,
      id: `${word}-${index}`,
      key: word,
      time: new Date(Date.parse('2026-01-01T00:00:00Z') + minute * 60_000).toISOString(),
      dataBytes: Buffer.from(JSON.stringify({ word, n })),
    }));
    await writer.append(outgoing, signal);
  });
  await world.clock.advance(minutes(10));
}

/** Asks with a database that gives these answers to statements with these words. */
function asking<Result>(
  answers: Readonly<Record<string, Reply>>,
  work: (tracing: Tracing) => Promise<Result>,
): Promise<Result> {
  return operate(world, (target) => {
    const ask = async ({ statement }: Question): Promise<Reply> => {
      const found = Object.entries(answers).find(([words]) => statement.includes(words));
      if (found === undefined) throw new Error(`nobody answers ${statement}`);
      return found[1];
    };
    const find = pipelineFinder([words], { pipelines: undefined, title: 'here' });
    return work({ find, target: { ...target, ask }, signal, throughTables: true });
  });
}

const rows = (...values: readonly (string | null)[]): Reply => ({
  columns: [{ name: 'note', type: 25 }],
  rows: values.map((value) => [value]),
});
const HAS_COLUMN = { 'pg_catalog.pg_attribute': rows('1') };
const refused: Reply = { refusal: { message: 'permission denied for table heard', code: '42501' } };

async function lastIn(name: string, tracing: Tracing): Promise<TracedEvent> {
  const stream = tracing.find.plans()[0]!.streams.find((one) => one.name === name)!;
  const { event } = await findEvents(tracing, { stream, from: 'earliest', matches: () => true, want: 'last', signal });
  return event!;
}

describe('why a row of a sink is there', () => {
  const heard = () => stepNamed<SinkPlan>('heard');
  const noteOf = ({ shard, event }: TracedEvent): string => eventNoter(`any/${shard}`)(event);

  test('the row names its event, and nothing is searched', async () => {
    await given(['a', 1], ['a', 2]);
    const note = noteOf(await asking({}, (tracing) => lastIn('loud', tracing)));
    const answers = { ...HAS_COLUMN, 't.millrace_event': rows(note) };
    const reason = await asking(answers, (tracing) => whyRow(heard(), ['A'], tracing));
    expect(reason).toMatchObject({ how: 'noted', key: { word: 'A' }, rows: 1 });
    expect(reason.how === 'noted' && reason.event.event.data).toEqual({ word: 'A', n: 2 });
  });

  test('a row of an event from outside names its place in the log', async () => {
    await given(['a', 1], ['a', 2]);
    const note = noteOf(await asking({}, (tracing) => lastIn('raw', tracing)));
    const answers = { ...HAS_COLUMN, 't.millrace_event': rows(note) };
    const reason = await asking(answers, (tracing) => whyRow(stepNamed<SinkPlan>('said'), ['a'], tracing));
    expect(reason.how === 'noted' && reason.event.event.data).toEqual({ word: 'a', n: 2 });
    const other = { ...HAS_COLUMN, 't.millrace_event': rows(note.replace('/given', '/other')) };
    const gone = await asking(other, (tracing) => whyRow(stepNamed<SinkPlan>('said'), ['a'], tracing));
    expect(gone).toMatchObject({ how: 'trimmed', origin: { kind: 'elsewhere' }, input: undefined });
  });

  test('the log has trimmed its event: the row still names the step that made it, and of what', async () => {
    await given(['a', 1]);
    const note = noteOf(await asking({}, (tracing) => lastIn('loud', tracing)));
    // The output has another place among those of its input, so the log does not hold it.
    const gone = note.slice(0, -1).concat('5');
    const answers = { ...HAS_COLUMN, 't.millrace_event': rows(gone) };
    const reason = await asking(answers, (tracing) => whyRow(heard(), ['A'], tracing));
    expect(reason).toMatchObject({ how: 'trimmed', origin: { kind: 'transform', step: { name: 'shouting' } } });
    expect(reason.how === 'trimmed' && reason.input?.event.data).toEqual({ word: 'a', n: 1 });
  });

  test.each([
    ['has no such column', { 'pg_catalog.pg_attribute': rows() }, 'the table has no column millrace_event'],
    ['may not be read', { ...HAS_COLUMN, 't.millrace_event': refused }, 'permission denied for table heard'],
    ['is older than the column', { ...HAS_COLUMN, 't.millrace_event': rows(null) }, 'before the table had the column'],
  ] as const)('the table %s: the log is searched by the key, and why says so', async (_, answers, because) => {
    await given(['a', 1], ['b', 5], ['a', 2], ['b', 6]);
    const reason = await asking(answers as unknown as Record<string, Reply>, (tracing) =>
      whyRow(heard(), ['A'], tracing),
    );
    expect(reason).toMatchObject({ how: 'searched', matched: 2, because: expect.stringContaining(because) });
    expect(reason.how === 'searched' && reason.event?.event.data).toEqual({ word: 'A', n: 2 });
  });

  test('there is no such row', async () => {
    const answers = { ...HAS_COLUMN, 't.millrace_event': rows() };
    expect(await asking(answers, (tracing) => whyRow(heard(), ['A'], tracing))).toMatchObject({ how: 'no-row' });
  });
});

describe('why a row of a table is there', () => {
  const SAME = { 'to_jsonb(t) = to_jsonb(r)': rows('t') };

  test('it is made again of all of its events, without those that the table refused', async () => {
    await given(['a', 1], ['b', 1], ['a', -1], ['a', 2], ['c', 1], ['a', 3]);
    const reason = await asking(SAME, (tracing) => whyTableRow(stepNamed<TablePlan>('sums'), ['A'], tracing));
    expect(reason).toMatchObject({ verdict: { is: 'same' }, isDeleted: false, madeOf: { count: 3 } });
    expect(reason.madeOf.events.map(({ event }) => (event.data as { n: number }).n)).toEqual([1, 2, 3]);
  });

  test('of a row that was deleted, the last event is the one that deleted it', async () => {
    await given(['a', 1], ['a', 0]);
    const answers = { 'to_jsonb(t) = to_jsonb(r)': rows() };
    const reason = await asking(answers, (tracing) => whyTableRow(stepNamed<TablePlan>('sums'), ['A'], tracing));
    expect(reason).toMatchObject({ isDeleted: true, verdict: { is: 'same' }, madeOf: { count: 2 } });
  });

  test('a row that the table shows otherwise, or does not show, is said to differ', async () => {
    await given(['a', 1]);
    const differs = { 'to_jsonb(t) = to_jsonb(r)': rows('f') };
    const gone = { 'to_jsonb(t) = to_jsonb(r)': rows() };
    const why = (answers: Readonly<Record<string, Reply>>) =>
      asking(answers, (tracing) => whyTableRow(stepNamed<TablePlan>('sums'), ['A'], tracing));
    expect((await why(differs)).verdict).toMatchObject({
      is: 'different',
      why: expect.stringContaining('another row'),
    });
    expect((await why(gone)).verdict).toMatchObject({ is: 'different', why: 'the table shows no such row' });
  });

  test('a session is made of the events of all sessions that became one', async () => {
    await given(['a', 1, 0], ['a', 2, 8], ['a', 4, 30], ['a', 8, 4]);
    const key = ['A', '2026-01-01 00:00:00+00'];
    const reason = await asking(SAME, (tracing) => whyTableRow(stepNamed<TablePlan>('visits'), key, tracing));
    expect(reason.madeOf.count).toBe(3);
    expect(reason.madeOf.events.at(-1)?.event.data).toEqual({ word: 'A', n: 8 });
  });

  test('the whole key is needed', async () => {
    const why = (words: readonly string[]) =>
      asking(SAME, (tracing) => whyTableRow(stepNamed<TablePlan>('visits'), words, tracing));
    await expect(why(['word=A'])).rejects.toThrow('give window_start too');
    await expect(why(['A'])).rejects.toThrow('has the columns word, window_start: give 2 values');
  });
});

test('a change of a table leads back to the events that its row was made of, and from the last one to the source', async () => {
  await given(['a', 1]);
  await given(['a', 2], ['b', 7]);
  await given(['a', 4]);
  const links = await asking({}, async (tracing) => traceBack(await lastIn('changes', tracing), tracing));
  expect(links.map(({ origin, verdict }) => [origin.kind, verdict?.is])).toEqual([
    ['table', 'same'],
    ['transform', 'same'],
    ['elsewhere', undefined],
  ]);
  expect(links[0]?.madeOf?.count).toBe(3);
  expect(links[2]?.traced.event.data).toEqual({ word: 'a', n: 4 });
});

test('a change that the code of the repository does not make is said to be unknown', async () => {
  await given(['a', 1]);
  const links = await asking({}, async (tracing) => {
    const changed = { ...sums, read: () => [] };
    const find = { ...tracing.find, tables: () => ({ sums: { from: 'loud', keep: changed } }) };
    return traceBack(await lastIn('changes', tracing), { ...tracing, find } as unknown as Tracing);
  });
  expect(links).toHaveLength(1);
  expect(links[0]?.verdict).toMatchObject({ is: 'unknown', why: expect.stringContaining('do not make it') });
});
