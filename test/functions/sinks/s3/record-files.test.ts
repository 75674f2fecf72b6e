import { expect, test } from 'vitest';
import { endOfRecord } from '../../../../functions/runtime/position.ts';
import type { LogRecord } from '../../../../functions/runtime/record-codec/record.ts';
import { Options } from '../../../../functions/sinks/s3/options.ts';
import { planRecordFiles } from '../../../../functions/sinks/s3/record-files.ts';
import { s3Sink } from '../../../../functions/sinks/s3/s3.ts';
import { logOf, sliceOf } from '../../../contracts/slices.ts';

const optionsOf = (options: object = {}) => Options.parse({ prefix: 'raw', lines: 'record', ...options });

const records: readonly LogRecord[] = [1, 2, 3, 4, 5].map((n) => ({
  sequenceNumber: String(n),
  partitionKey: 'k',
  data: Buffer.from(`{"n":${n}}`),
  approximateArrivalMillis: n,
}));

const shard = { id: 'shardId-000000000000', from: 0n, to: 255n, parents: [] };

/** The second and the fourth record have no new event: ticks, or repeats. */
const events = logOf([1, 2, 3, 4, 5].map((n) => ({ data: { n } }))).filter((_, index) => index % 2 === 0);

const planned = (options: object = {}) =>
  planRecordFiles(
    { ...sliceOf({ events, to: endOfRecord('5') }), records: { shard, all: records } },
    optionsOf(options),
  );

test('every record is a line, also one without a new event, behind a line about the shard', async () => {
  const { files, rejections } = await planned();
  expect(rejections).toEqual([]);
  expect(files).toHaveLength(1);
  const lines = [...files[0]!.lines].map((line) => JSON.parse(Buffer.from(line).toString()) as Record<string, unknown>);
  expect(lines[0]).toEqual({ shard: 'shardId-000000000000', from: '0', to: 'ff', parents: [] });
  expect(lines.slice(1).map(({ sequenceNumber }) => sequenceNumber)).toEqual(['1', '2', '3', '4', '5']);
  expect(files[0]!.key).toMatch(
    /^raw\/shard=stream-shardId-000000000000\/slice-stream-shardId-000000000000\.[\w-]{36}\.[\w-]{36}\.00000000\.ndjson\.gz$/,
  );
  expect(files[0]!.bytes).toBe([...files[0]!.lines].reduce((sum, line) => sum + line.length + 1, 0));
});

test('a file ends at the target, begins with the line of the shard, and knows the events of its records', async () => {
  const { files } = await planned({ targetRows: 2 });
  expect(files.map(({ lines }) => [...lines].length)).toEqual([3, 3, 2]);
  const keysOf = files.map((file) => file.events.map(({ id }) => id));
  expect(keysOf).toEqual([['event-0'], ['event-2'], ['event-4']]);
  expect(new Set(files.map(({ lines }) => Buffer.from([...lines][0]!).toString())).size).toBe(1);
});

test.each([
  [{ fields: ['n'] }, /fields: goes with lines: 'event' or 'data' only/],
  [{ compact: 60_000 }, /compact: goes with lines: 'event' or 'data' only/],
  [{ format: 'parquet' }, /format: 'parquet' goes with lines: 'event' or 'data' only/],
  [{ targetBytes: 100 * 1024 * 1024 }, /targetBytes: is at most 67108864 with lines: 'record'/],
  [{ by: 'day' }, /`by` goes with lines: 'event' or 'data' only/],
] as const)('refuses %o with lines: record, and says why', (options, message) => {
  expect(() => s3Sink({ prefix: 'raw', lines: 'record', ...options })).toThrow(message);
});
