import { beforeEach, describe, expect, test } from 'vitest';
import { type LogClient, logClient } from '../../../infra/emulator/log/client.ts';
import { createLog, type Log } from '../../../infra/emulator/log/log.ts';
import { readTail, type Tail } from '../../../infra/operation/tail.ts';
import { eventually, noDeadline } from '../../eventually.ts';

const StreamName = 'tailed';
const START_MILLIS = Date.parse('2026-01-01T00:00:00Z');

describe('readTail', () => {
  let log: Log;
  let kinesis: LogClient;
  let nowMillis: number;
  let seen: { key: string; count: number; shard: string }[];
  let rejected: string[];
  beforeEach(() => {
    nowMillis = START_MILLIS;
    log = createLog({ clock: { now: () => nowMillis }, seed: 1, limits: 'off', transitionMillis: 0 });
    log.createStream({ StreamName, ShardCount: 1 });
    kinesis = logClient(log);
    seen = [];
    rejected = [];
  });

  function put(from: number, to: number): void {
    for (let count = from; count < to; count++) {
      nowMillis += 1_000;
      log.putRecord({ StreamName, PartitionKey: `k${count % 5}`, Data: Buffer.from(JSON.stringify({ count })) });
    }
  }

  const reshard = (TargetShardCount: number) =>
    log.updateShardCount({ StreamName, TargetShardCount, ScalingType: 'UNIFORM_SCALING' });

  const read = (options: Partial<Tail> = {}) =>
    readTail(
      { kinesis, stream: StreamName, from: 'earliest', follow: false, signal: noDeadline(), ...options },
      {
        event: ({ key, data }, shard) => seen.push({ key, count: (data as { count: number }).count, shard }),
        rejection: ({ message }) => rejected.push(message),
      },
    );

  /** Expects every event once, and the events of one key in the order in which they were put. */
  function expectAll(count: number): void {
    expect(seen.map((event) => event.count).sort((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, n) => n));
    for (const key of ['k0', 'k1', 'k2', 'k3', 'k4']) {
      const counts = seen.filter((event) => event.key === key).map((event) => event.count);
      expect(counts, key).toEqual([...counts].sort((a, b) => a - b));
    }
  }

  test('ends at the end of the stream, and reads the children of split and merged shards after their parents', async () => {
    put(0, 20);
    reshard(2);
    put(20, 40);
    reshard(4);
    put(40, 60);
    reshard(2);
    put(60, 80);
    await read();
    expectAll(80);
    expect(new Set(seen.map(({ shard }) => shard)).size).toBeGreaterThan(4);
  });

  test('follows new events, and the children of shards that are split meanwhile, until it is aborted', async () => {
    put(0, 5);
    const ending = new AbortController();
    const reading = read({ follow: true, signal: ending.signal });
    await eventually(() => expect(seen).toHaveLength(5));
    put(5, 10);
    reshard(2);
    put(10, 20);
    await eventually(() => expect(seen).toHaveLength(20));
    put(20, 25);
    await eventually(() => expect(seen).toHaveLength(25));
    ending.abort(new Error('enough'));
    await expect(reading).rejects.toThrow();
    expectAll(25);
  });

  test('starts at a time', async () => {
    put(0, 10);
    await read({ from: new Date(START_MILLIS + 8_000) });
    expect(seen.map(({ count }) => count)).toEqual([7, 8, 9]);
  });

  test('reports a record that does not decode, and reads on', async () => {
    put(0, 1);
    log.putRecord({ StreamName, PartitionKey: 'k', Data: Buffer.from('{"count":') });
    put(1, 2);
    await read();
    expectAll(2);
    expect(rejected).toHaveLength(1);
  });

  test('rejects with the error of a shard that cannot be read', async () => {
    await expect(read({ stream: 'nowhere' })).rejects.toThrow(/nowhere/);
  });
});
