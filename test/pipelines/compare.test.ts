import type { KinesisClient } from '@aws-sdk/client-kinesis';
import pg from 'pg';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { icebergSink } from '../../functions/sinks/iceberg/iceberg.ts';
import { postgresSink } from '../../functions/sinks/postgres/postgres.ts';
import { s3Sink } from '../../functions/sinks/s3/s3.ts';
import { httpSource } from '../../functions/sources/http/http.ts';
import { compareLines, compareReport } from '../../infra/cli/reports/compare-report.ts';
import { everythingDone } from '../../infra/local/everything-done.ts';
import { startLocal } from '../../infra/local/start.ts';
import { compareSinks } from '../../infra/operation/compare/compare.ts';
import type { Comparison } from '../../infra/operation/compare/comparison.ts';
import { definePipeline, minutes } from '../../infra/pipelines/pipeline.ts';

const Sale = z.object({ id: z.int(), total: z.number(), at: z.iso.datetime() });
const shop = definePipeline({
  name: 'side',
  streams: { sales: { schema: Sale } },
  sources: { till: { read: httpSource({ schema: Sale, type: 'sale.made', key: 'id' }), to: 'sales' } },
  sinks: {
    table: { from: 'sales', write: postgresSink({ table: 'sales', key: ['id'], create: true }) },
    copy: { from: 'sales', write: postgresSink({ table: 'copy', key: ['id'], create: true }) },
    lake: { from: 'sales', write: s3Sink({ prefix: 'sales' }), every: minutes(30) },
    rows: { from: 'sales', write: icebergSink({ table: 'sales' }), every: minutes(30) },
  },
});

test('compare finds what was planted in a table, against files and against an Iceberg table, and calls what one sink has not got yet no difference', async () => {
  const { signal } = new AbortController();
  await using running = new AsyncDisposableStack();
  const started = { pipelines: [shop], onLog: () => {}, trace: () => () => undefined, signal };
  const local = await startLocal(started, running);
  const [url = ''] = [...local.runner.urls.values()];
  const sell = async (...ids: readonly number[]): Promise<void> => {
    const body = JSON.stringify(ids.map((id) => ({ id, total: id + 0.5, at: '2026-01-31T12:00:00.000Z' })));
    expect((await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body })).status).toBe(
      202,
    );
  };
  const [a, b, rows, copy] = ['table', 'lake', 'rows', 'copy'].map(
    (name) => local.runner.steps.find((step) => step.name === name)!,
  );
  const compared = (limit = 20, other = b): Promise<Comparison> =>
    compareSinks({ a: a!, b: other! }, { target: local.stage, limit, searches: true, onProgress: () => {}, signal });
  const asked: string[] = [];
  const { middlewareStack } = local.stage.clients.kinesis as KinesisClient;
  middlewareStack.add((next, { commandName = '' }) => (args) => {
    asked.push(commandName);
    return next(args);
  });
  await sell(1, 2, 3, 4, 5);
  await everythingDone(local, signal);
  const { name, ...server } = local.stage.resources.database;
  const client = new pg.Client({ ...server, database: name });
  await client.connect();
  running.defer(() => client.end());
  await client.query('DELETE FROM sales WHERE id = 2; UPDATE sales SET total = 1 WHERE id = 3');
  await sell(6);
  await local.runner.caughtUp(a!);
  const comparison = await compared();
  expect(comparison.counts).toMatchObject({ same: 3, onlyB: 1, differs: 1, waits: 1, onlyA: 0, doubled: 0 });
  expect(comparison.differences).toMatchObject([
    { kind: 'only-b', id: ['2'], event: { type: 'sale.made', key: '2' } },
    { kind: 'differs', id: ['3'], fields: [{ field: 'total', a: '1', b: '3.5' }], event: { key: '3' } },
  ]);
  const { differences } = await compared(20, rows);
  expect(differences).toMatchObject([
    { kind: 'only-b', id: ['2'], event: { type: 'sale.made', key: '2' } },
    { kind: 'differs', id: ['3'], fields: [{ field: 'total', a: '1', b: '3.5' }], event: { key: '3' } },
  ]);
  const described = async (limit: number): Promise<number> => {
    const before = asked.length;
    expect((await compared(limit, copy)).differences).toHaveLength(limit);
    return asked.slice(before).filter((name) => name.startsWith('ListShards')).length;
  };
  expect(await described(2)).toBe(await described(1));
  const report = compareReport(comparison);
  expect(report).toContain('2 differences: 1 only in lake, 1 with other values.');
  expect(report).toContain('1 row waits: one of the sinks has not processed all of their events.');
  expect(report).toMatch(/^lag +none +\d+ s, 1 event$/m);
  expect(report).toMatch(/^files written +– +1 \(\$0\.000005\)$/m);
  expect(report).toMatch(/^ +2 +only in lake +sale\.made {2}key 2 {2}id [\w-]+$/m);
  const cut = await compared(1);
  expect(compareReport(cut)).toContain('… and 1 more difference; --limit shows more');
  expect(compareLines(cut).map((line) => Object.keys(JSON.parse(line) as object)[0])).toEqual(['pipeline', 'kind']);
}, 120_000);
