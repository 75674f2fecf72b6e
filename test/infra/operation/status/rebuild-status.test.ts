import { expect, test } from 'vitest';
import { z } from 'zod';
import { askDatabase } from '../../../../functions/clients/query.ts';
import { encodeState } from '../../../../functions/runtime/checkpoints/step-state.ts';
import { type Position, positionOf } from '../../../../functions/runtime/position.ts';
import type { OpenSink, Rebuild } from '../../../../functions/runtime/sink.ts';
import { defineTable, type Table } from '../../../../functions/runtime/table.ts';
import { tableDefinition } from '../../../../functions/table-state/table-handler.ts';
import { statusReport } from '../../../../infra/cli/reports/status-report.ts';
import { noteOfRebuild } from '../../../../infra/operation/status/notes.ts';
import { rebuildStatus } from '../../../../infra/operation/status/rebuild-status.ts';
import type { Target } from '../../../../infra/operation/target.ts';
import { logOf, sliceOf } from '../../../contracts/slices.ts';
import { noDeadline } from '../../../eventually.ts';
import { client, database, server, useFreshDatabases } from '../../../functions/sinks/postgres/fresh-database.ts';

useFreshDatabases();

const Value = z.object({ id: z.string(), n: z.int32() });

const keeping = (column: string): Table<never> =>
  defineTable({
    entry: import.meta.url,
    from: Value,
    row: z.object({ id: z.string(), [column]: z.int32() }),
    key: ['id'],
    reduce: (_, { data: { id, n } }) => ({ id, [column]: n }),
  }) as unknown as Table<never>;

const CHANGES = { changes: { before: true } };

function processOf(table: Table<never>): OpenSink {
  const { host, port, password, user } = server;
  const { resources, open } = tableDefinition(table);
  const parsed = resources.parse({ host, port, database, user, tls: 'off', auth: { password } });
  return open({ step: 'shop/sums', formerly: undefined, options: CHANGES, resources: parsed });
}

const SHARDS = ['stream/shardId-000000000000', 'stream/shardId-000000000001'] as const;
const HOUR = 3_600_000;

/** Stores how far a shard is: at a record, which came so many hours after the first one. */
async function standing(shard: string, record: number, hour: number): Promise<void> {
  const at = (number: number): Position => positionOf(String(number), 0);
  const state = { position: at(record), marks: [], rejections: [], began: at(1), arrivedMillis: hour * HOUR };
  await client.query(
    `INSERT INTO millrace_progress (step, shard, revision, state) VALUES ('shop/sums', $1, 1, $2)
       ON CONFLICT (step, shard) DO UPDATE SET state = excluded.state`,
    [shard, encodeState({ ...state, movedMillis: 1_000 })],
  );
}

/** The log has one record in each shard, which came at the beginning of 1970. */
const FIRST = { SequenceNumber: '1', ApproximateArrivalTimestamp: new Date(0), Data: new Uint8Array() };
const kinesis = {
  send: async (command: object) =>
    command.constructor.name === 'GetRecordsCommand'
      ? { Records: [FIRST], MillisBehindLatest: 0 }
      : { ShardIterator: 'i' },
};

function look({ hasArchive = false } = {}) {
  const { host, port, user, password } = server;
  const login = { host, port, user, database, tls: 'off', auth: { password } } as const;
  const target = { clients: { kinesis }, ask: (question, signal) => askDatabase(login, question, signal) } as Pick<
    Target,
    'ask'
  > as Target;
  const step = {
    pipeline: 'shop',
    name: 'sums',
    stream: 'values',
    shardOf: (key: string) => key.split('/')[1],
    hasArchive,
  };
  return rebuildStatus(step, target, noDeadline());
}

const outbox = () => ({ page: undefined, closes: [] });
const write = (sink: OpenSink, shard: string): Promise<unknown> =>
  sink.write(sliceOf({ step: 'shop/sums', shard, events: logOf([{ key: 'a', data: { id: 'a', n: 1 } }]), outbox }));

test('a table that is made again says since when, and how much of the log is read; then that its readers are told; then nothing', async () => {
  await write(processOf(keeping('former')), SHARDS[0]);
  expect(await look()).toBeUndefined();
  const sink = processOf(keeping('latter'));
  const asked = await sink.again?.('request', noDeadline()).catch(() => undefined);
  expect(asked?.kind).toBe('new');
  const begun = (await sink.rebuild?.(noDeadline())) as Rebuild;
  for (const shard of SHARDS) await standing(shard, 100, 10);
  expect(await look()).toMatchObject({ phase: 'reading', shards: 2, shardsDone: 0, share: 0 });
  await standing(`${begun.under}${SHARDS[0]}`, 100, 10);
  await standing(`${begun.under}${SHARDS[1]}`, 50, 4);
  const reading = await look();
  expect(reading).toMatchObject({ phase: 'reading', shards: 2, shardsDone: 1, moved: '1970-01-01T00:00:01.000Z' });
  expect(reading?.share).toBeCloseTo(0.7);
  expect(Date.parse(reading?.since ?? '')).toBeGreaterThan(Date.now() - HOUR);
  expect(noteOfRebuild(reading!, { stands: false })).toBe(
    `the table is being made again since ${reading?.since}: 1 of 2 shards are read, and about 70 % of the log; until then readers see the former rows, and its events wait`,
  );
  const archived = await look({ hasArchive: true });
  expect(archived).toMatchObject({ isArchived: true });
  expect(noteOfRebuild(archived!, { stands: false })).toContain('about 70 % of what the archive and the log have');
  const again = (await sink.rebuild?.(noDeadline())) as Rebuild;
  const filled = { upTo: positionOf('100', 0), from: 0n, to: 2n ** 128n - 1n, isOpen: true };
  expect(await again.swap(new Map([[SHARDS[0], filled]]), noDeadline())).toBe(true);
  expect(await look()).toMatchObject({ phase: 'publishing' });
  const left = await sink.rebuild?.(noDeadline());
  if (left?.kind === 'corrections') await left.end(noDeadline());
  expect(await look()).toBeUndefined();
});

test('an operator who asked is told that the step has not begun', async () => {
  const sink = processOf(keeping('former'));
  await write(sink, SHARDS[0]);
  await (await sink.again?.('request', noDeadline()))?.note(noDeadline());
  const found = await look();
  expect(found).toMatchObject({ phase: 'asked' });
  const shared = {
    pipeline: 'shop',
    step: 'sums',
    delivery: 'continuous',
    state: 'rebuilding',
    deadLetters: 0,
  } as const;
  const note = noteOfRebuild(found!, { stands: false });
  expect(statusReport('dev', [{ ...shared, shard: 's', rebuild: found!, note }], 0)).toContain(
    'shop/sums (shard s): an operator has asked to make the table again: its step begins with its next batch',
  );
});

test('what has not gone on for long says so', () => {
  const status = {
    phase: 'publishing',
    since: '2026-01-01T00:00:00.000Z',
    shards: 0,
    shardsDone: 0,
    share: 1,
  } as const;
  expect(noteOfRebuild(status, { stands: true })).toContain(
    'it has not gone on since 2026-01-01T00:00:00.000Z: see the log of its function',
  );
});
