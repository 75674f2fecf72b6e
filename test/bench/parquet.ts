import { closeSync, mkdtempSync, openSync, rmSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { DuckDBInstance } from '@duckdb/node-api';
import type { ReceivedEvent } from '../../functions/runtime/event.ts';
import { encodeOrdered, positionOf } from '../../functions/runtime/position.ts';
import { newAggregate } from '../../functions/runtime/record-codec/aggregate.ts';
import { decodeRecord } from '../../functions/runtime/record-codec/decode.ts';
import { encodeEvent } from '../../functions/runtime/record-codec/encode.ts';
import type { Slice } from '../../functions/runtime/sink.ts';
import type { S3Options } from '../../functions/sinks/s3/options.ts';
import { duckdbType, type ParquetColumn } from '../../functions/sinks/s3/parquet/column-types.ts';
import { parquetColumnsOf } from '../../functions/sinks/s3/parquet/columns.ts';
import { parquetFiles } from '../../functions/sinks/s3/parquet/parquet-file.ts';
import { s3Sink } from '../../functions/sinks/s3/s3.ts';
import { writeFiles } from '../../functions/sinks/s3/write-files.ts';
import { Order, orders } from './sql-orders.ts';

const EVENTS = 1_000_000;
/** A slice of a shard has at most 300,000 events. */
const SLICE_EVENTS = 250_000;
const MOST_CPU_SECONDS = 1.5;
const MOST_TIMES_THE_SIZE = 1.05;
const ROUNDS = 3;
const WRITTEN_AT_ONCE = 50_000;

/** CPU seconds of this process, DuckDB's threads included, and the bytes that were written. */
interface Spent {
  readonly cpuSeconds: number;
  readonly bytes: number;
}

/**
 * Measures what the S3 sink takes to make Parquet files of a million orders, from events as they are read from the log
 * to the bodies of its requests, and compares the files with the one that DuckDB makes of the same lines. Exits with 1
 * when a target is missed.
 */
async function benchParquet(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-bench-parquet-'));
  try {
    let missed = false;
    for (const lines of ['data', 'event'] as const) {
      const rounds: Spent[] = [];
      for (let round = 0; round <= ROUNDS; round++) rounds.push(await written(lines));
      // The first round loads DuckDB.
      const ours = typical(rounds.slice(1));
      const other = await byDuckDb(folder, lines);
      const times = ours.bytes / other.bytes;
      const hasMissed = lines === 'data' && (ours.cpuSeconds > MOST_CPU_SECONDS || times > MOST_TIMES_THE_SIZE);
      missed ||= hasMissed;
      console.log(
        `Parquet, lines: '${lines}': ${EVENTS} orders in ${ours.cpuSeconds.toFixed(2)} CPU s (first round ${rounds[0]?.cpuSeconds.toFixed(2)}) and ${mb(ours.bytes)}, ` +
          `DuckDB of a file ${other.cpuSeconds.toFixed(2)} CPU s and ${mb(other.bytes)}: ${times.toFixed(3)} × its size` +
          (lines === 'data'
            ? ` (at most ${MOST_CPU_SECONDS} s and ${MOST_TIMES_THE_SIZE} ×): ${hasMissed ? 'MISSED' : 'ok'}`
            : ''),
      );
    }
    console.log(
      `most memory of this process: ${mb(process.resourceUsage().maxRSS * 1_024)}, a slice of events included`,
    );
    if (missed) process.exitCode = 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const mb = (bytes: number): string => `${(bytes / 1e6).toFixed(2)} MB`;

function typical(rounds: readonly Spent[]): Spent {
  return rounds.toSorted((a, b) => a.cpuSeconds - b.cpuSeconds)[rounds.length >> 1] as Spent;
}

const columnsOf = (lines: S3Options['lines']): readonly ParquetColumn[] =>
  parquetColumnsOf(Order, { by: 'day', lines });

/** Writes the orders slice by slice. Only the sink's own work is measured. */
async function written(lines: S3Options['lines']): Promise<Spent> {
  const { options } = s3Sink({ prefix: 'orders', format: 'parquet', lines });
  const bucket = 'lake';
  const contentOf = parquetFiles(columnsOf(lines), lines);
  let bytes = 0;
  let cpuSeconds = 0;
  const send = async ({ input }: PutObjectCommand) => {
    bytes += (input.Body as Buffer).length;
  };
  const client = { send } as unknown as Pick<S3Client, 'send'>;
  const all = orders(EVENTS).toString().trimEnd().split('\n');
  for (let first = 0; first < EVENTS; first += SLICE_EVENTS) {
    const slice = sliceOf(all.slice(first, first + SLICE_EVENTS), first);
    const before = process.cpuUsage();
    const rejections = await writeFiles(slice, options, { client, bucket, contentOf });
    const { user, system } = process.cpuUsage(before);
    cpuSeconds += (user + system) / 1e6;
    if (rejections.length > 0) throw new Error(`an order was rejected: ${rejections[0]?.message}`);
  }
  return { cpuSeconds, bytes };
}

/** Makes a slice of events as they come from a stream: views of aggregated records. */
function sliceOf(lines: readonly string[], first: number): Slice {
  const events: ReceivedEvent[] = [];
  let aggregate = newAggregate({ maxBytes: 1024 * 1024 });
  let records = 0;
  const flush = (): void => {
    const record = {
      sequenceNumber: String(++records),
      partitionKey: 'key',
      data: aggregate.finish(),
      approximateArrivalMillis: 0,
    };
    for (const entry of decodeRecord(record, { name: 'orders' }).entries)
      if ('event' in entry) events.push(entry.event);
    aggregate = newAggregate({ maxBytes: 1024 * 1024 });
  };
  for (const [index, line] of lines.entries()) {
    const data = eventBytes(line, first + index);
    if (!aggregate.add(`order-${first + index}`, data)) {
      flush();
      aggregate.add(`order-${first + index}`, data);
    }
  }
  flush();
  return {
    shard: 'stream/shardId-000000000000',
    from: undefined,
    to: positionOf(String(first + 1), 0),
    pages: pagesOf(events),
    versionOf: () => undefined,
    signal: AbortSignal.timeout(600_000),
    progress: () => {
      throw new Error('this sink keeps no progress');
    },
  };
}

function eventBytes(line: string, index: number): Uint8Array {
  const sequence = encodeOrdered(index, 39);
  return encodeEvent({
    id: sequence,
    source: '/bench/orders/0123456789ab/shardId-000000000000/1',
    type: 'order.placed',
    time: '2026-11-05T10:00:00Z',
    key: `order-${index}`,
    sequence,
    traceparent: undefined,
    dataBytes: Buffer.from(line),
  });
}

async function* pagesOf(events: readonly ReceivedEvent[]): AsyncGenerator<readonly ReceivedEvent[]> {
  for (let at = 0; at < events.length; at += 5_000) yield events.slice(at, at + 5_000);
}

/** Makes one Parquet file of the same lines with DuckDB alone, which guesses nothing. */
async function byDuckDb(folder: string, lines: S3Options['lines']): Promise<Spent> {
  const [from, to] = [join(folder, 'orders.ndjson'), join(folder, 'orders.parquet')];
  const all = orders(EVENTS);
  if (lines === 'data') writeFileSync(from, all);
  else {
    // More characters than a string can have.
    const file = openSync(from, 'w');
    const events = all.toString().trimEnd().split('\n');
    for (let at = 0; at < events.length; at += WRITTEN_AT_ONCE) {
      const part = events
        .slice(at, at + WRITTEN_AT_ONCE)
        .map((line, index) => Buffer.from(eventBytes(line, at + index)));
      writeSync(file, `${part.join('\n')}\n`);
    }
    closeSync(file);
  }
  const fields = columnsOf(lines).map(({ name, type }) => [name, duckdbType(type)] as const);
  const columns =
    lines === 'data'
      ? fields
      : ([
          ...['id', 'source', 'type'].map((name) => [name, 'VARCHAR'] as const),
          ['time', 'TIMESTAMP WITH TIME ZONE'],
          ...['partitionkey', 'sequence'].map((name) => [name, 'VARCHAR'] as const),
          ['data', `STRUCT(${fields.map(([name, type]) => `"${name}" ${type}`).join(', ')})`],
        ] as const);
  const selected = lines === 'data' ? '*' : '* EXCLUDE data, unnest(data)';
  const statement = `COPY (SELECT ${selected} FROM read_json('${from}', format = 'newline_delimited',
    columns = {${columns.map(([name, type]) => `'${name}': '${type}'`).join(', ')}})) TO '${to}' (FORMAT parquet, COMPRESSION zstd)`;
  const instance = await DuckDBInstance.create(':memory:', { threads: '1' });
  const connection = await instance.connect();
  const before = process.cpuUsage();
  await connection.run(statement);
  const { user, system } = process.cpuUsage(before);
  connection.closeSync();
  instance.closeSync();
  return { cpuSeconds: (user + system) / 1e6, bytes: statSync(to).size };
}

if (import.meta.main) await benchParquet();
