import { beforeEach, describe, expect, test } from 'vitest';
import { endOfRecord, positionOf } from '../../../../functions/runtime/position.ts';
import { newAggregate } from '../../../../functions/runtime/record-codec/aggregate.ts';
import { type LogClient, logClient } from '../../../../infra/emulator/log/client.ts';
import { createLog, type Log } from '../../../../infra/emulator/log/log.ts';
import { readBacklog } from '../../../../infra/operation/status/backlog.ts';
import { noDeadline } from '../../../eventually.ts';
import { paddingClient } from '../../../functions/runtime/log/padding-client.ts';

const StreamName = 'inspected';
const START_MILLIS = Date.parse('2026-01-01T00:00:00Z');

describe('readBacklog', () => {
  let log: Log;
  let kinesis: LogClient;
  let nowMillis: number;
  beforeEach(() => {
    nowMillis = START_MILLIS;
    log = createLog({ clock: { now: () => nowMillis }, seed: 1, limits: 'off', transitionMillis: 0 });
    log.createStream({ StreamName, ShardCount: 1 });
    kinesis = logClient(log);
  });

  function put(count: number, everyMillis = 1_000): string[] {
    return Array.from({ length: count }, (_, index) => {
      nowMillis += everyMillis;
      return log.putRecord({ StreamName, PartitionKey: 'k', Data: Buffer.from(`"${index}"`) }).SequenceNumber ?? '';
    });
  }

  const read = (options: Partial<Parameters<typeof readBacklog>[0]> = {}) =>
    readBacklog({
      kinesis,
      stream: StreamName,
      shard: { id: 'shardId-000000000000', open: true },
      after: undefined,
      start: 'earliest',
      signal: noDeadline(),
      ...options,
    });

  test('tells when the record of the position arrived, what comes after it, and how long that has waited', async () => {
    const [, second = ''] = put(5);
    expect(await read({ after: endOfRecord(second) })).toEqual({
      positionMillis: START_MILLIS + 2_000,
      records: 3,
      events: 3,
      more: false,
      oldestMillis: START_MILLIS + 3_000,
      ended: false,
      trimmed: false,
    });
  });

  test('counts the record that the position lies inside', async () => {
    const [, second = ''] = put(5);
    expect(await read({ after: positionOf(second, 0) })).toMatchObject({
      records: 4,
      oldestMillis: START_MILLIS + 2_000,
    });
  });

  test('counts the events of aggregated records after the position', async () => {
    const aggregate = (events: number): string => {
      const building = newAggregate({ maxBytes: 1_000_000 });
      for (let index = 0; index < events; index++) building.add('k', Buffer.from(JSON.stringify({ index })));
      return log.putRecord({ StreamName, PartitionKey: 'k', Data: building.finish() }).SequenceNumber ?? '';
    };
    const first = aggregate(1_000);
    aggregate(20);
    expect(await read()).toMatchObject({ records: 2, events: 1_020 });
    expect(await read({ after: positionOf(first, 599) })).toMatchObject({ records: 2, events: 420 });
    expect(await read({ after: endOfRecord(first) })).toMatchObject({ records: 1, events: 20 });
  });

  test('reads few records when they are large, to leave the shard to other readers', async () => {
    for (let count = 0; count < 40; count++)
      log.putRecord({ StreamName, PartitionKey: 'k', Data: Buffer.alloc(200 * 1024, 'x') });
    const { records, events, more } = await read();
    expect(more).toBe(true);
    expect(records).toBeLessThanOrEqual(15);
    expect(events).toBe(records);
  });

  test('finds nothing after the last record', async () => {
    const last = put(3).at(-1) ?? '';
    expect(await read({ after: endOfRecord(last) })).toMatchObject({
      records: 0,
      more: false,
      oldestMillis: undefined,
    });
  });

  test('starts where the step starts when there is no position', async () => {
    put(4);
    expect(await read()).toMatchObject({ positionMillis: undefined, records: 4 });
    expect(await read({ start: new Date(START_MILLIS + 3_000) })).toMatchObject({ records: 2 });
  });

  test('counts 500 records at most, and reports that there are more', async () => {
    const [first = ''] = put(700, 1);
    expect(await read()).toMatchObject({ records: 500, more: true });
    expect(await read({ after: endOfRecord(first) })).toMatchObject({ records: 500, more: true });
  });

  test('tells the end of a closed shard from the present end of an open one', async () => {
    const last = put(2).at(-1) ?? '';
    log.updateShardCount({ StreamName, TargetShardCount: 2, ScalingType: 'UNIFORM_SCALING' });
    const closed = { id: 'shardId-000000000000', open: false };
    expect(await read({ shard: closed, after: endOfRecord(last) })).toMatchObject({ records: 0, ended: true });
    expect(await read({ shard: closed })).toMatchObject({ records: 2, ended: false });
    expect(await read({ shard: { id: 'shardId-000000000001', open: true } })).toMatchObject({
      records: 0,
      ended: false,
    });
  });

  test('finds the position on a server that writes leading zeros and compares sequence numbers as texts', async () => {
    const numbers = put(3);
    const [, second = '', last = ''] = numbers;
    const padding = paddingClient(kinesis, () => numbers);
    expect(await read({ kinesis: padding, after: endOfRecord(second) })).toMatchObject({
      positionMillis: START_MILLIS + 2_000,
      records: 1,
      trimmed: false,
    });
    expect(await read({ kinesis: padding, after: endOfRecord(last) })).toMatchObject({
      positionMillis: START_MILLIS + 3_000,
      records: 0,
      trimmed: false,
    });
  });

  test('reports that records may be lost when the record of the position has expired', async () => {
    const [first = ''] = put(3);
    nowMillis += 25 * 3_600_000;
    put(2);
    expect(await read({ after: endOfRecord(first) })).toMatchObject({
      positionMillis: undefined,
      records: 2,
      trimmed: true,
    });
  });
});
