import type { KinesisStreamEvent } from 'aws-lambda';
import type pg from 'pg';
import type { z } from 'zod';
import type { OutgoingEvent } from '../../functions/runtime/event.ts';
import { openLogWriter } from '../../functions/runtime/log/log-writer.ts';
import { encodeOrdered } from '../../functions/runtime/position.ts';
import { openSink } from '../../functions/runtime/sink-handler.ts';
import { openTransform } from '../../functions/runtime/transform-handler.ts';
import { columnsOf } from '../../functions/sinks/postgres/columns.ts';
import { EVENT_COLUMN } from '../../functions/sinks/postgres/event-column.ts';
import { postgresDefinition } from '../../functions/sinks/postgres/postgres.ts';
import { Order, type OrderLine, orderEvents } from '../../functions/transforms/order-events.ts';
import { type PostgresServer, startPostgres } from '../kit/servers.ts';
import { invocation, openTarget, type Target } from './in-memory.ts';
import { type Measured, measure, runAlone } from './rounds.ts';
import { openSinkWithoutMarks, openTransformWithoutMarks } from './without-marks.ts';

const EVENTS = 30_000;
/** The records of a batch, of 1 MiB each: Lambda delivers no more in one batch. */
const RECORDS_A_BATCH = 4;
const ROUNDS = 11;
/** The target, as a share of the throughput without marks. */
const LEAST_SHARE = 0.9;
export const MOST_CHECKPOINT_BYTES = 2 * 1_024;

/**
 * Compares stream → transform → stream → Postgres, exactly once, with the same without marks. Log and checkpoints are
 * in memory and without limits; Postgres is a real server. Throws when a steady batch makes more than one checkpoint
 * write, or a large one.
 */
async function benchExactlyOnce(): Promise<readonly Measured[]> {
  await using running = new AsyncDisposableStack();
  const server = await startPostgres();
  running.defer(server.stop);
  const database = await server.createDatabase();
  const client = await server.connect(database);
  running.defer(() => client.end());
  const resources = resourcesOf(server, database);
  const sides = { ours: exactlyOnce(resources), other: withoutMarks(client) };
  const input = await givenBatches(EVENTS, RECORDS_A_BATCH);
  const ours = await prepared(input, sides.ours);
  const other = await prepared(input, sides.other);
  await compareRows(client);
  checkSteadyBatches(await checkpointWrites(EVENTS, RECORDS_A_BATCH));
  const steady: Record<'ours' | 'other', () => Promise<void>> = { ours: idle, other: idle };
  const before = async (): Promise<void> => {
    await client.query(`TRUNCATE ${TABLES.ours}, ${TABLES.other}`);
    steady.ours = await atWork(sides.ours, { input, clean: ours.clean });
    steady.other = await atWork(sides.other, { input, clean: other.clean });
  };
  return [
    await measure({
      name: `${EVENTS} events through a transform into Postgres, exactly once`,
      versus: 'without marks',
      target: LEAST_SHARE,
      rounds: ROUNDS,
      before,
      ours: () => steady.ours(),
      other: () => steady.other(),
    }),
  ];
}

const idle = (): Promise<void> => Promise.resolve();

/** Starts processes and gives them their first batches, so that their start is not measured. */
async function atWork(
  side: Side,
  { input, clean }: { readonly input: Batches; readonly clean: Batches },
): Promise<() => Promise<void>> {
  const target = openTarget(['raw', 'clean'], { own: OWN });
  const [transform, sink] = [side.transform(target), side.sink(target)];
  await each(input.slice(0, 1), transform);
  await each(clean.slice(0, 1), sink);
  return async () => {
    await each(input.slice(1), transform);
    await each(clean.slice(1), sink);
  };
}

type Batches = readonly KinesisStreamEvent[];

/** Returns what the transform writes to the checkpoint table, by batch. */
export async function checkpointWrites(events: number, recordsABatch: number): Promise<readonly (readonly string[])[]> {
  const target = openTarget(['raw', 'clean'], { own: OWN });
  const transform = exactlyOnce(undefined).transform(target);
  const writes: (readonly string[])[] = [];
  for (const batch of await givenBatches(events, recordsABatch)) {
    const before = target.writes.length;
    await transform(batch);
    writes.push(target.writes.slice(before));
  }
  return writes;
}

function checkSteadyBatches(writes: readonly (readonly string[])[]): void {
  // The first batch of a process also records the attempt.
  for (const made of writes.slice(1)) {
    const bytes = made.reduce((sum, write) => sum + write.length, 0);
    if (made.length !== 1 || bytes > MOST_CHECKPOINT_BYTES)
      throw new Error(
        `a batch made ${made.length} checkpoint writes of ${bytes} bytes; at most one of 2 KB is allowed`,
      );
  }
}

type Handler = (event: KinesisStreamEvent) => Promise<unknown>;

interface Side {
  transform(target: Target): Handler;
  sink(target: Target): Handler;
}

const TABLES = { ours: 'exactly_once', other: 'without_marks' } as const;
const OWN = ['/bench/before/', '/bench/cleaning/'];

function exactlyOnce(resources: unknown): Side {
  return {
    transform(target) {
      const handler = openTransform(orderEvents, target.surroundingsOf('cleaning', { input: 'raw', output: 'clean' }));
      return (event) => handler(event, invocation).then(succeeded);
    },
    sink(target) {
      const surroundings = target.surroundingsOf('table', { input: 'clean' });
      const options = { table: TABLES.ours, create: true };
      const handler = openSink(postgresDefinition, {
        ...surroundings,
        config: { ...surroundings.config, options, resources },
      });
      return (event) => handler(event, invocation).then(succeeded);
    },
  };
}

function withoutMarks(client: pg.Client): Side {
  return {
    transform: (target) => openTransformWithoutMarks(orderEvents, target, 'clean'),
    sink: () => openSinkWithoutMarks(client, { table: TABLES.other, columns: columnsOf(Order) }),
  };
}

function resourcesOf({ host, port, user, password }: PostgresServer, database: string): unknown {
  return { host, port, database, user, tls: 'off', auth: { password }, columns: columnsOf(Order) };
}

/** Throws unless both sides have written the same rows equally often. Their events have other sources. */
async function compareRows(client: pg.Client): Promise<void> {
  const [ours, other] = await Promise.all(
    [TABLES.ours, TABLES.other].map(async (table) => {
      const { rows } = await client.query(
        `SELECT count(*), md5(string_agg((to_jsonb(t) - '${EVENT_COLUMN}')::text, ',' ORDER BY row_id, status))
           FROM ${table} t`,
      );
      return JSON.stringify(rows);
    }),
  );
  if (ours !== other || !ours?.includes(`"${2 * EVENTS}"`)) throw new Error(`${ours} is not ${other}`);
}

function succeeded(answer: unknown): void {
  const { batchItemFailures = [] } = answer as { readonly batchItemFailures?: readonly unknown[] };
  if (batchItemFailures.length > 0) throw new Error('a batch failed');
}

async function each(batches: readonly KinesisStreamEvent[], handler: Handler): Promise<void> {
  for (const batch of batches) await handler(batch);
}

interface Prepared {
  /** The outputs of the transform. */
  readonly clean: Batches;
}

async function prepared(input: Batches, side: Side): Promise<Prepared> {
  const target = openTarget(['raw', 'clean'], { own: OWN });
  await each(input, side.transform(target));
  const clean = await target.batches('clean', RECORDS_A_BATCH);
  await each(clean, side.sink(target));
  return { clean };
}

/** Makes lines of orders as an upstream step appends them. */
async function givenBatches(count: number, recordsABatch: number): Promise<readonly KinesisStreamEvent[]> {
  const target = openTarget(['raw'], { own: OWN });
  const source = '/bench/before/stream/shardId-000000000000/bench';
  const events = Array.from({ length: count }, (_, index): OutgoingEvent => {
    const sequence = encodeOrdered(index, 39);
    const key = `CA-2026-${index >> 2}`;
    return {
      id: sequence,
      source,
      sequence,
      type: 'line.imported',
      time: '2026-01-01T00:00:00Z',
      key,
      traceparent: undefined,
      dataBytes: Buffer.from(JSON.stringify(lineOf(index, key))),
    };
  });
  const writer = openLogWriter({ kinesis: target.kinesis, stream: 'raw' });
  await writer.append(events, AbortSignal.timeout(60_000));
  return target.batches('raw', recordsABatch);
}

function lineOf(row: number, order: string): z.input<typeof OrderLine> {
  return {
    'Row ID': row,
    'Order ID': order,
    'Order Date': '2026-01-01',
    'Ship Date': '2026-01-05',
    'Ship Mode': 'Second Class',
    'Customer ID': `CG-${row % 793}`,
    'Customer Name': 'Claire Gute',
    Segment: 'Consumer',
    Country: 'United States',
    City: 'Henderson',
    State: 'Kentucky',
    'Postal Code': '42420',
    Region: 'South',
    'Product ID': `FUR-BO-${row % 1862}`,
    Category: 'Furniture',
    'Sub-Category': 'Bookcases',
    'Product Name': 'Bush Somerset Collection Bookcase',
    Sales: row / 4,
    Quantity: 2,
    Discount: 0,
    Profit: 41.9,
  };
}

if (import.meta.main) await runAlone(benchExactlyOnce);
