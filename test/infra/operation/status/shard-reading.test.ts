import { expect, test } from 'vitest';
import type { Kinesis } from '../../../../functions/runtime/log/shards.ts';
import { logClient } from '../../../../infra/emulator/log/client.ts';
import { createLog } from '../../../../infra/emulator/log/log.ts';
import { openShardReader } from '../../../../infra/operation/status/shard-reading.ts';
import { noDeadline } from '../../../eventually.ts';

const StreamName = 'read';
const START_MILLIS = Date.parse('2026-01-01T00:00:00Z');

/** Makes a shard with records of these sizes, and counts the records that each call returns. */
function shardOf(sizes: readonly number[]) {
  const log = createLog({ clock: { now: () => START_MILLIS }, seed: 1, limits: 'off', transitionMillis: 0 });
  log.createStream({ StreamName, ShardCount: 1 });
  for (const size of sizes) log.putRecord({ StreamName, PartitionKey: 'k', Data: Buffer.alloc(size, 'x') });
  const client: Kinesis = logClient(log);
  const pages: number[] = [];
  const send = async (...args: Parameters<Kinesis['send']>): Promise<unknown> => {
    const answer: { readonly Records?: readonly unknown[] } = Object(await client.send(...args));
    if (answer.Records !== undefined) pages.push(answer.Records.length);
    return answer;
  };
  const kinesis = { send } as Kinesis;
  const reader = openShardReader({
    kinesis,
    stream: StreamName,
    shardId: 'shardId-000000000000',
    signal: noDeadline(),
  });
  return { reader, pages };
}

test('reads one record when the caller takes one', async () => {
  const { reader, pages } = shardOf(Array(50).fill(100_000));
  for await (const _ of reader.from('earliest')) break;
  expect(pages).toEqual([1]);
});

test('reads large records a mebibyte at a time, because others read the shard too', async () => {
  const { reader, pages } = shardOf(Array(25).fill(100 * 1024));
  expect(await Array.fromAsync(reader.from('earliest'))).toHaveLength(25);
  expect(pages).toEqual([1, 10, 10, 4]);
});

test('reads small records in few calls, to the last one of a millisecond', async () => {
  const { reader, pages } = shardOf(Array(700).fill(100));
  expect(await Array.fromAsync(reader.from('earliest'))).toHaveLength(700);
  expect(pages).toEqual([1, 500, 199]);
});
