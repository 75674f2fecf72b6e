import { DeleteObjectCommand } from '@aws-sdk/client-s3';
import { beforeEach, expect, test } from 'vitest';
import { archivedShard, archivedUpTo, readArchive } from '../../../../functions/runtime/archive/read-archive.ts';
import { endOfRecord, type Position, positionOf, START_OF_SHARD } from '../../../../functions/runtime/position.ts';
import type { LogRecord } from '../../../../functions/runtime/record-codec/record.ts';
import { ndjsonContent } from '../../../../functions/sinks/s3/ndjson-content.ts';
import { Options } from '../../../../functions/sinks/s3/options.ts';
import { writeFiles } from '../../../../functions/sinks/s3/write-files.ts';
import { sliceOf } from '../../../contracts/slices.ts';
import { noDeadline } from '../../../eventually.ts';
import { createS3, type S3 } from '../../../kit/s3.ts';

const BUCKET = 'lake';
const SHARD = 'stream/shardId-000000000000';
const FACTS = { id: 'shardId-000000000000', from: 0n, to: 2n ** 128n - 1n, parents: [] };

let s3: S3;

beforeEach(() => {
  s3 = createS3({ now: () => 0 });
  s3.createBucket(BUCKET);
});

const client = () => ({ send: (command: object) => s3.call(command as never, noDeadline()) }) as never;

function records(from: number, to: number): readonly LogRecord[] {
  return Array.from({ length: to - from + 1 }, (_, index) => ({
    sequenceNumber: String(from + index),
    partitionKey: 'k',
    data: Buffer.from(`{"n":${from + index}}`),
    approximateArrivalMillis: from + index,
  }));
}

interface Written {
  /** The first and the last record of the slice. */
  readonly of: readonly [number, number];
  /** Where the slice begins and ends, where that is not at these records. */
  readonly from?: Position;
  readonly to?: Position;
  readonly options?: object;
}

/** Writes a slice as the sink does. */
async function write({ of: [first, last], from, to, options = {} }: Written): Promise<void> {
  const chosen = Options.parse({ prefix: 'raw', lines: 'record', ...options });
  const slice = {
    ...sliceOf({
      events: [],
      shard: SHARD,
      from: from ?? (first === 1 ? undefined : endOfRecord(String(first - 1))),
      to: to ?? endOfRecord(String(last)),
    }),
    records: { shard: FACTS, all: records(first, last) },
  };
  await writeFiles(slice, chosen, { client: client(), bucket: BUCKET, contentOf: ndjsonContent(chosen) });
}

const reading = (after: Position) => ({
  archive: { s3: client(), bucket: BUCKET, prefix: 'raw' },
  shard: SHARD,
  after,
  signal: noDeadline(),
});

async function read(after: Position = START_OF_SHARD): Promise<string> {
  const found: LogRecord[] = [];
  for await (const page of readArchive(reading(after))) found.push(...page);
  return found.map(({ sequenceNumber }) => sequenceNumber).join(' ');
}

test.each([{}, { compression: 'zstd' }, { compression: 'none' }, { targetRows: 2 }])(
  'reads all records in their order, as they were in the log, with %o',
  async (options) => {
    await write({ of: [1, 5], options });
    await write({ of: [6, 8], options });
    expect(await read()).toBe('1 2 3 4 5 6 7 8');
    const [page] = await Array.fromAsync(readArchive(reading(START_OF_SHARD)));
    expect(page?.[0]).toEqual(records(1, 1)[0]);
    expect(await archivedShard(reading(START_OF_SHARD))).toEqual(FACTS);
  },
);

test('reads on from a position: after the record that it is at the end of, or with the one that it is inside of', async () => {
  await write({ of: [1, 5], options: { targetRows: 2 } });
  await write({ of: [6, 8] });
  expect(await read(endOfRecord('3'))).toBe('4 5 6 7 8');
  expect(await read(positionOf('3', 0))).toBe('3 4 5 6 7 8');
  expect(await read(endOfRecord('5'))).toBe('6 7 8');
});

test('gives a record once that two slices share, and slices that overlap', async () => {
  // Slices that look for a poison record may end inside of a record.
  await write({ of: [1, 3], to: positionOf('3', 4) });
  await write({ of: [3, 6], from: positionOf('3', 4) });
  // An operator has moved the sink back.
  await write({ of: [5, 5], from: endOfRecord('4') });
  await write({ of: [6, 7], from: endOfRecord('5') });
  expect(await read()).toBe('1 2 3 4 5 6 7');
});

test('ends before what it lacks: a slice that is gone, or that an operator has skipped', async () => {
  await write({ of: [1, 3] });
  await write({ of: [6, 8] });
  expect(await read()).toBe('1 2 3');
  expect(await archivedUpTo(reading(positionOf('2', 0)))).toBe(endOfRecord('3'));
  expect(await archivedUpTo(reading(positionOf('7', 0)))).toBe(endOfRecord('8'));
  expect(await archivedUpTo(reading(positionOf('5', 0)))).toBeUndefined();
});

test('ends before a file of a slice that is gone, or not yet there', async () => {
  await write({ of: [1, 3] });
  await write({ of: [4, 9], options: { targetRows: 2 } });
  const middle = s3.objects(BUCKET).find(({ key }) => key.includes('.00000001.'));
  await s3.call(new DeleteObjectCommand({ Bucket: BUCKET, Key: middle?.key }) as never, noDeadline());
  expect(await read()).toBe('1 2 3 4 5');
});

test('does not claim the first record where the sink began later than the table', async () => {
  await write({ of: [4, 9], from: START_OF_SHARD });
  expect(await archivedUpTo(reading(positionOf('2', 0)))).toBeUndefined();
  expect(await archivedUpTo(reading(positionOf('4', 0)))).toBe(endOfRecord('9'));
});

test('has nothing of a shard that it has no file of', async () => {
  expect(await read()).toBe('');
  expect(await archivedShard(reading(START_OF_SHARD))).toBeUndefined();
});
