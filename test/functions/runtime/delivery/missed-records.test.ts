import { expect, test } from 'vitest';
import { missedRecords } from '../../../../functions/runtime/delivery/missed-records.ts';
import type { Gap } from '../../../../functions/runtime/on-failure/gaps.ts';
import { endOfRecord, type Position, positionOf } from '../../../../functions/runtime/position.ts';
import { logWith, NEVER, recordsOf, STREAM } from '../log/log-kit.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const SHARD = 'shardId-000000000000';

/** Asks for what a table misses between its first record and its last one, of four in the log. */
async function missedOf({ ageMillis, retentionMillis = 7 * DAY, gapBefore = 0 }: Asked): Promise<readonly string[]> {
  const { log, client } = logWith(1);
  for (const name of ['a', 'b', 'c', 'd'])
    log.putRecord({ StreamName: STREAM, PartitionKey: 'k', Data: Buffer.from(name) });
  const records = recordsOf(log, SHARD);
  const position = endOfRecord(records[0]?.sequenceNumber ?? '');
  const gaps: readonly Gap[] =
    gapBefore === 0
      ? []
      : [{ from: position, to: positionOf(records[gapBefore]?.sequenceNumber ?? '', 0) as Position, notedMillis: 0 }];
  const nowMillis = 1_760_000_000_000;
  const work = {
    kind: 'continuous sink',
    step: {
      now: () => nowMillis,
      kinesis: client,
      checkpoints: { load: async () => ({ revision: 1, state: JSON.stringify(gaps) }) },
    },
    input: { stream: STREAM, isReached: () => false, shape: async () => ({ retentionMillis }) },
  };
  const loaded = { state: { position, arrivedMillis: nowMillis - ageMillis } };
  const first = { sequenceNumber: records[3]?.sequenceNumber ?? '' };
  const batch = { shard: { key: 'key', loaded }, shardId: SHARD, first, signal: NEVER };
  const missed = await missedRecords(work as never, batch as never);
  return missed.records.map(({ data }) => Buffer.from(data).toString());
}

interface Asked {
  readonly ageMillis: number;
  readonly retentionMillis?: number;
  /** The record that ends a gap behind the position. */
  readonly gapBefore?: number;
}

test('a table misses the records between its position and the batch, of any age that its stream keeps', async () => {
  expect(await missedOf({ ageMillis: HOUR })).toEqual(['b', 'c']);
  expect(await missedOf({ ageMillis: 6 * DAY })).toEqual(['b', 'c']);
});

test('records that the step may have given up before the stream would trim them are not processed once more', async () => {
  expect(await missedOf({ ageMillis: 7 * DAY - 5 * HOUR })).toEqual([]);
  expect(await missedOf({ ageMillis: 19 * HOUR, retentionMillis: DAY })).toEqual([]);
  expect(await missedOf({ ageMillis: 19 * HOUR - 1, retentionMillis: DAY })).toEqual(['b', 'c']);
});

test('records in a gap that the step has noted may be dead letters, and are left out', async () => {
  expect(await missedOf({ ageMillis: 2 * DAY, gapBefore: 2 })).toEqual(['c']);
  expect(await missedOf({ ageMillis: 2 * DAY, gapBefore: 3 })).toEqual([]);
});
