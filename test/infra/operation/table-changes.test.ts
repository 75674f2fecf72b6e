import { expect, test } from 'vitest';
import { z } from 'zod';
import { askDatabase } from '../../../functions/clients/query.ts';
import { encodeState } from '../../../functions/runtime/checkpoints/step-state.ts';
import { describeStream } from '../../../functions/runtime/log/shards.ts';
import { endOfRecord, positionOf } from '../../../functions/runtime/position.ts';
import { defineTable, type Table } from '../../../functions/runtime/table.ts';
import { tumbling } from '../../../functions/runtime/windows.ts';
import { ndjsonContent } from '../../../functions/sinks/s3/ndjson-content.ts';
import { Options } from '../../../functions/sinks/s3/options.ts';
import { s3Sink } from '../../../functions/sinks/s3/s3.ts';
import { writeFiles } from '../../../functions/sinks/s3/write-files.ts';
import { makeTable } from '../../../functions/table-state/make-table.ts';
import { type Shape, shapeOf } from '../../../functions/table-state/shape.ts';
import { tableChangesReport } from '../../../infra/cli/reports/table-changes-report.ts';
import { namesOf } from '../../../infra/names.ts';
import { type TableChange, tableChanges } from '../../../infra/operation/table-changes.ts';
import type { Target } from '../../../infra/operation/target.ts';
import { definePipeline } from '../../../infra/pipelines/pipeline.ts';
import { planOf, type TablePlan } from '../../../infra/pipelines/plan.ts';
import type { Start } from '../../../infra/pipelines/steps.ts';
import { sliceOf } from '../../contracts/slices.ts';
import { client, database, server, useFreshDatabases } from '../../functions/sinks/postgres/fresh-database.ts';
import { createS3 } from '../../kit/s3.ts';

useFreshDatabases();

const Sale = z.object({ region: z.string(), n: z.int32() });
const Row = z.object({ region: z.string(), sum: z.int32() });
const HOUR = 3_600_000;

/** A table with windows of an hour. */
const hourly = (options: { grace: number; retention?: number; emit?: 'final' }) =>
  defineTable({
    entry: import.meta.url,
    from: Sale,
    row: Row,
    key: ['region'],
    window: tumbling({ size: HOUR, ...options }),
    reduce: (one) => one,
  }) as unknown as Table;

/** A table whose state has clauses, as one in SQL has. */
function sums({ row = Row, ...state }: { row?: z.ZodType; shape?: string; parts?: object; shown?: string } = {}) {
  const made = defineTable({ entry: import.meta.url, from: Sale, row: Row, key: ['region'], reduce: (one) => one });
  const parts = { WHERE: 'n > 1', aggregates: 'sum(n)' };
  const form = { shape: 'sum (1)', parts, shown: 'a', load: String, save: String, rowOf: () => undefined, ...state };
  return { ...made, row, state: form } as unknown as Table;
}

interface Log {
  readonly start?: Start;
  readonly formerly?: string;
  readonly streamHours: number;
}

/** The changes of a table whose stream is some hours old and keeps its events for a day. */
async function changeTo(keep: Table, { streamHours, ...step }: Log): Promise<TableChange> {
  const pipeline = definePipeline({
    name: 'shop',
    streams: { sales: { schema: Sale } },
    tables: { sums: { from: 'sales', keep: keep as never, ...step } },
  });
  const plan = planOf(pipeline, [pipeline]).steps[0] as TablePlan;
  const StreamCreationTimestamp = new Date(Date.now() - streamHours * HOUR);
  const StreamDescriptionSummary = { StreamCreationTimestamp, RetentionPeriodHours: 24 };
  const { host, port, user, password } = server;
  const login = { host, port, user, database, tls: 'off', auth: { password } } as const;
  const target = {
    names: namesOf({ stage: 'test', account: '1', region: 'eu-west-1', partition: 'aws' }),
    clients: { kinesis: { send: async () => ({ StreamDescriptionSummary }) } },
    streamName: () => 'sales',
    ask: (question, signal) => askDatabase(login, question, signal),
  } as Pick<Target, 'names' | 'streamName' | 'ask'> as Target;
  const [change] = await tableChanges([{ plan, table: keep }], target, new AbortController().signal);
  return change!;
}

/**
 * The change where the log has records from 50 on only, and the step began with record 10 and stands at 60. The archive
 * has those from `archived` up to the other.
 */
async function changeOfArchived(keep: Table, archived: readonly [number, number]): Promise<TableChange> {
  const pipeline = definePipeline({
    name: 'shop',
    streams: { sales: { schema: Sale } },
    tables: { sums: { from: 'sales', keep: keep as never } },
    sinks: { archive: { from: 'sales', write: s3Sink({ prefix: 'sales', lines: 'record' }), every: 60_000 as never } },
  });
  const plan = planOf(pipeline, [pipeline]).steps[0] as TablePlan;
  const names = namesOf({ stage: 'test', account: '1', region: 'eu-west-1', partition: 'aws' });
  const s3 = createS3({ now: () => 0 });
  s3.createBucket(names.lake);
  const send = { send: (command: object) => s3.call(command as never, new AbortController().signal) } as never;
  const kinesis = { send: async (command: object) => answerOf(command) } as never;
  const { incarnation } = await describeStream(kinesis, 'sales', new AbortController().signal);
  const key = `${incarnation}/shardId-000000000000`;
  const state = { position: endOfRecord('60'), marks: [], rejections: [], began: positionOf('10', 0) };
  await client.query(`INSERT INTO millrace_progress (step, shard, revision, state) VALUES ('shop/sums', $1, 1, $2)`, [
    key,
    encodeState(state),
  ]);
  const [first, last] = archived;
  const options = Options.parse({ prefix: 'sales', lines: 'record' });
  const all = Array.from({ length: last - first + 1 }, (_, index) => recordOf(first + index));
  const slice = {
    ...sliceOf({ events: [], shard: key, from: endOfRecord(String(first - 1)), to: endOfRecord(String(last)) }),
  };
  const shard = { id: 'shardId-000000000000', from: 0n, to: 2n ** 128n - 1n, parents: [] };
  const to = { client: send, bucket: names.lake, contentOf: ndjsonContent(options) };
  await writeFiles({ ...slice, records: { shard, all } }, options, to);
  const { host, port, user, password } = server;
  const login = { host, port, user, database, tls: 'off', auth: { password } } as const;
  const target = {
    names,
    clients: { kinesis, s3: send },
    streamName: () => 'sales',
    ask: (question, signal) => askDatabase(login, question, signal),
  } as Pick<Target, 'names' | 'streamName' | 'ask'> as Target;
  const [change] = await tableChanges([{ plan, table: keep }], target, new AbortController().signal);
  return change!;
}

const recordOf = (n: number) => ({
  sequenceNumber: String(n),
  partitionKey: 'k',
  data: Buffer.from('{}'),
  approximateArrivalMillis: n,
});

/** Answers as a stream with one shard does that has lost all records before the fiftieth. */
function answerOf(command: object) {
  const { input } = command as { readonly input?: object };
  switch (command.constructor.name) {
    case 'DescribeStreamSummaryCommand': {
      const created = { StreamCreationTimestamp: new Date(0), RetentionPeriodHours: 24 };
      return { StreamDescriptionSummary: { StreamName: 'sales', StreamARN: 'arn:sales', ...created } };
    }
    case 'ListShardsCommand': {
      const HashKeyRange = { StartingHashKey: '0', EndingHashKey: String(2n ** 128n - 1n) };
      return { Shards: [{ ShardId: 'shardId-000000000000', HashKeyRange, SequenceNumberRange: {} }] };
    }
    case 'GetShardIteratorCommand': {
      const { StartingSequenceNumber = '0' } = input as { readonly StartingSequenceNumber?: string };
      return { ShardIterator: StartingSequenceNumber };
    }
    default: {
      const { ShardIterator } = input as { readonly ShardIterator: string };
      const at = Math.max(50, Number(ShardIterator));
      const record = { SequenceNumber: String(at), ApproximateArrivalTimestamp: new Date(0), Data: new Uint8Array() };
      return { Records: [{ ...record, PartitionKey: 'k' }], MillisBehindLatest: 0 };
    }
  }
}

test('it is a rebuild from the archive where that has what the log has lost, and meets the log', async () => {
  await keptBefore(shapeOf(sums()));
  const changed = sums({ shape: 'sum (2)' });
  const change = await changeOfArchived(changed, [8, 55]);
  expect(change).toMatchObject({ change: 'rebuild', log: { isArchived: true, archive: 'sales' } });
  const report = tableChangesReport('stage test', [change]);
  expect(report).toContain('shop/sums  rebuild from the archive');
  expect(report).toContain('and the archive of its stream, sales/');
});

test.each([
  ['begins after the table', [11, 55]],
  ['ends before the log begins', [8, 49]],
] as const)('it is refused where the archive %s', async (_, archived) => {
  await keptBefore(shapeOf(sums()));
  const change = await changeOfArchived(sums({ shape: 'sum (2)' }), archived);
  expect(change).toMatchObject({ change: 'impossible' });
  expect(tableChangesReport('stage test', [change])).toContain(
    'the archive of its stream, sales/ in the lake, does not have what the log lacks',
  );
});

async function keptBefore(shape: Shape, step = 'shop/sums'): Promise<void> {
  await client.query("SELECT set_config('search_path', 'public', false)");
  await makeTable(client, { step }, { shape, indexes: [], isKnown: false });
}

const YOUNG = { streamHours: 20 };
const OLD = { streamHours: 100 };

test('a table that the stage does not have is new, and one that has not changed is unchanged', async () => {
  expect(await changeTo(sums(), OLD)).toMatchObject({ change: 'new' });
  await keptBefore(shapeOf(sums()));
  expect(await changeTo(sums(), OLD)).toMatchObject({ change: 'none', differences: [] });
});

test('another HAVING or another expression over the aggregates is transparent, and stays so until it is deployed', async () => {
  await keptBefore(shapeOf(sums()));
  const changed = sums({ shown: 'b' });
  expect(await changeTo(changed, OLD)).toMatchObject({ change: 'transparent' });
  expect(await changeTo(changed, OLD)).toMatchObject({ change: 'transparent' });
  await keptBefore(shapeOf(changed));
  expect(await changeTo(changed, OLD)).toMatchObject({ change: 'none' });
});

test('another WHERE is a rebuild where the log has every event of the table, otherwise impossible', async () => {
  await keptBefore(shapeOf(sums()));
  const changed = sums({ shape: 'sum (2)', parts: { WHERE: 'n > 2', aggregates: 'sum(n)' } });
  const differences = ['WHERE was n > 1 and is n > 2'];
  expect(await changeTo(changed, YOUNG)).toMatchObject({ change: 'rebuild', differences });
  expect(await changeTo(changed, OLD)).toMatchObject({ change: 'impossible', differences });
  // A table that began with its step, or at a time, is as old as that.
  expect(await changeTo(changed, { ...OLD, start: 'latest' })).toMatchObject({ change: 'rebuild' });
  const hoursAgo = (hours: number) => ({ ...OLD, start: new Date(Date.now() - hours * HOUR) });
  expect(await changeTo(changed, hoursAgo(23))).toMatchObject({ change: 'rebuild' });
  expect(await changeTo(changed, hoursAgo(25))).toMatchObject({ change: 'impossible' });
});

test('the difference is named where it is: the key, a column, a clause, or only the types', async () => {
  await keptBefore(shapeOf(sums()));
  const differencesOf = async (keep: Table) => (await changeTo(keep, YOUNG)).differences;
  expect(await differencesOf(sums({ row: Row.extend({ more: z.string().nullable() }) }))).toEqual([
    'more was missing and is text',
  ]);
  expect(await differencesOf(sums({ shape: 'sum (3)', parts: { aggregates: 'sum(n), count(*)' } }))).toEqual([
    'WHERE was n > 1 and is missing',
    'aggregates was sum(n) and is sum(n), count(*)',
  ]);
  expect(await differencesOf(sums({ shape: 'sum (4)' }))).toEqual(['its state was sum (1) and is sum (4)']);
  const other = { ...sums({ row: Row }), key: ['region', 'sum'] } as unknown as Table;
  expect(await differencesOf(other)).toEqual(['the key was region and is region, sum']);
});

test('a state of an earlier version, whose comment has neither clauses nor a time, is read', async () => {
  await keptBefore(shapeOf(sums()));
  const { key, columns, state } = shapeOf(sums());
  const note = `millrace state of shop/sums: ${JSON.stringify({ key, columns, state })}`;
  await client.query(`COMMENT ON TABLE shop."sums state 1" IS ${client.escapeLiteral(note)}`);
  expect(await changeTo(sums({ shown: 'b' }), OLD)).toMatchObject({ change: 'transparent', rows: 'at once' });
  const changed = await changeTo(sums({ shape: 'sum (2)' }), { ...OLD, start: 'latest' });
  expect(changed).toMatchObject({ change: 'impossible', differences: ['its state was sum (1) and is sum (2)'] });
});

test('a renamed step is compared with the state of its former name, and a foreign table is told', async () => {
  await keptBefore(shapeOf(sums()), 'shop/totals');
  expect(await changeTo(sums(), { ...OLD, formerly: 'totals' })).toMatchObject({ change: 'none' });
  await client.query('CREATE TABLE shop."sums state 1" ()');
  expect(await changeTo(sums(), { ...OLD, formerly: 'totals' })).toMatchObject({ change: 'taken' });
});

test('another grace period or retention is transparent, another EMIT is not, and the step agrees', async () => {
  const table = hourly({ grace: HOUR, retention: 24 * HOUR });
  await keptBefore(shapeOf(table));
  const longer = hourly({ grace: 2 * HOUR, retention: 24 * HOUR });
  const change = await changeTo(longer, OLD);
  expect(change).toMatchObject({ change: 'transparent', rows: 'as they are' });
  expect(tableChangesReport('dev', [change])).toContain(`
  windows took events for 3600 s after their ends and take them for 7200 s
  the state goes on: deploy it; its windows close, and are dropped, by the new times from the next event on`);
  await keptBefore(shapeOf(longer));
  expect(await changeTo(longer, OLD)).toMatchObject({ change: 'none' });
  for (const other of [
    hourly({ grace: 2 * HOUR, emit: 'final' }),
    hourly({ grace: 24 * HOUR, retention: 48 * HOUR }),
  ]) {
    expect(await changeTo(other, YOUNG)).toMatchObject({ change: 'rebuild' });
    await expect(keptBefore(shapeOf(other))).rejects.toThrow('have changed since its state was made');
  }
});

test('the report says of each table what differs, how far back the log reaches, and what to do', () => {
  const of = { pipeline: 'shop', table: 'sums', differences: ['WHERE was n > 1 and is n > 2'] };
  const log = { from: '2026-03-01T00:00:00.000Z', tableFrom: '2026-02-01T00:00:00.000Z', isWhole: false };
  const text = tableChangesReport('dev on this machine', [
    { ...of, table: 'a', change: 'none', differences: [] },
    { ...of, change: 'impossible', log },
  ]);
  expect(text).toBe(`dev on this machine

shop/a     unchanged
shop/sums  refused
  WHERE was n > 1 and is n > 2
  the state cannot go on, and cannot be made again: deployed under this name, the step stops
  the log reaches back to 2026-03-01T00:00:00.000Z only, and the table may have events since 2026-02-01T00:00:00.000Z: undo the
  change, or give the step another name without formerly: its new table has the events that the log still has`);
});

test('the report says that a table is made again of the log, and of a join that cannot be, why not and the way round', () => {
  const log = { from: '2026-03-01T00:00:00.000Z', tableFrom: '2026-03-02T00:00:00.000Z', isWhole: true };
  const of = { pipeline: 'shop', change: 'rebuild', differences: ['WHERE was n > 1 and is n > 2'], log } as const;
  const stops = 'the stream of the join has only what its former code read';
  const text = tableChangesReport('dev on this machine', [
    { ...of, table: 'sums' },
    { ...of, table: 'cards', isJoin: true, stops },
    { ...of, table: 'enriched', isJoin: true },
  ]);
  expect(text).toContain('shop/sums      rebuild from the log\n');
  expect(text).toContain(`shop/cards     refused
  WHERE was n > 1 and is n > 2
  the state cannot go on, and is not made again by itself: ${stops}. Deployed under this name, the step stops:
  undo the change, or give the join another name without formerly and streamOf. It then begins anew, with the`);
  expect(text).toMatch(/shop\/enriched {2}rebuild from the log[\s\S]*what the join has published stays as it is$/);
});
