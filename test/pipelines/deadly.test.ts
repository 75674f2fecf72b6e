import pg from 'pg';
import { expect, test } from 'vitest';
import type { z } from 'zod';
import { openLogWriter } from '../../functions/runtime/log/log-writer.ts';
import { postgresSink } from '../../functions/sinks/postgres/postgres.ts';
import { deadLetters } from '../../infra/local/demo/lake.ts';
import { everythingDone } from '../../infra/local/everything-done.ts';
import { bundleStep, functionOf } from '../../infra/local/functions.ts';
import { type Local, startLocal } from '../../infra/local/start.ts';
import { definePipeline } from '../../infra/pipelines/pipeline.ts';
import { noDeadline } from '../eventually.ts';
import { Deadly, passing } from './deadly.ts';

const deadly = definePipeline({
  name: 'deadly',
  streams: { raw: { schema: Deadly }, passed: { schema: Deadly } },
  transforms: { passing: { from: 'raw', apply: passing, to: 'passed' } },
  sinks: { table: { from: 'passed', write: postgresSink({ table: 'passed', create: true }) } },
});

/** The function's limit. The runtime reserves 1.5 s of it. */
const TIMEOUT_MILLIS = 3_500;

test('in real processes, events of one record that loop, exit or exhaust memory are rejected and the others pass', async () => {
  const signal = noDeadline();
  await using running = new AsyncDisposableStack();
  const local = await startLocal(
    { pipelines: [deadly], onLog: () => undefined, trace: () => () => undefined, signal },
    running,
  );
  const [step] = local.runner.steps;
  if (step === undefined) throw new Error('the pipeline has no step');
  const definition = functionOf(await bundleStep(step), local.stage);
  local.runner.reload({ ...definition, timeoutMillis: TIMEOUT_MILLIS, memoryMb: 256 });
  const does = ['pass', 'loop', 'pass', 'pass', 'exit', 'pass', 'fill the memory', 'pass'] as const;
  await send(
    local,
    does.map((one, n) => ({ n, does: one })),
    signal,
  );
  await everythingDone(local, signal);
  expect(await passedIn(local)).toEqual([0, 2, 3, 5, 7]);
  const letters = await deadLetters(local.stage.clients.s3, local.stage.names.deadLetters);
  const found = letters.map(({ reason, text }) => ({ reason, does: (JSON.parse(text ?? '') as Given).data.does }));
  expect(found).toEqual([
    { reason: 'killed', does: 'loop' },
    { reason: 'killed', does: 'exit' },
    { reason: 'killed', does: 'fill the memory' },
  ]);
});

interface Given {
  readonly data: z.infer<typeof Deadly>;
}

async function send({ stage, plans }: Local, events: readonly Given['data'][], signal: AbortSignal): Promise<void> {
  const raw = plans.flatMap(({ streams }) => streams).find(({ name }) => name === 'raw');
  if (raw === undefined) throw new Error('the pipeline has no stream raw');
  await openLogWriter({ kinesis: stage.clients.kinesis, stream: stage.streamName(raw) }).append(
    events.map((data) => ({
      id: String(data.n),
      source: '/given',
      type: 'deed.done',
      time: '2026-01-01T00:00:00Z',
      key: 'k',
      sequence: undefined,
      traceparent: undefined,
      dataBytes: Buffer.from(JSON.stringify(data)),
    })),
    signal,
  );
}

async function passedIn({ stage }: Local): Promise<readonly number[]> {
  const { host, port, name, user, password } = stage.resources.database;
  const database = new pg.Client({ host, port, database: name, user, password });
  await database.connect();
  const { rows } = await database.query<{ n: number }>('SELECT n FROM passed ORDER BY ctid');
  await database.end();
  return rows.map(({ n }) => n);
}
