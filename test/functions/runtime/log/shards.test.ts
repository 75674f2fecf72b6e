import fc from 'fast-check';
import { expect, test } from 'vitest';
import { covers, describeStream, listShards, openShards, shardFor } from '../../../../functions/runtime/log/shards.ts';
import type { LogClient } from '../../../../infra/emulator/log/client.ts';
import { applyReshard } from './faulty-log.ts';
import { logWith, NEVER, STREAM } from './log-kit.ts';

const HASHES = 1n << 128n;

test('a stream has the same description by name and by ARN', async () => {
  const { client } = logWith(2);
  const shape = await describeStream(client, STREAM, NEVER);
  expect(shape).toMatchObject({
    name: STREAM,
    arn: 'arn:aws:kinesis:us-east-1:000000000000:stream/orders',
    incarnation: expect.stringMatching(/^[\w-]{12}$/),
    maxRecordBytes: 1_048_576,
    retentionMillis: 86_400_000,
    shards: [
      { id: 'shardId-000000000000', from: 0n, to: HASHES / 2n - 1n, parents: [], open: true },
      { id: 'shardId-000000000001', from: HASHES / 2n, to: HASHES - 1n, parents: [], open: true },
    ],
  });
  expect(await describeStream(client, shape.arn, NEVER)).toEqual(shape);
});

test('a stream that was deleted and created again is another incarnation', async () => {
  let nowMillis = 1_760_000_000_000;
  const { log, client } = logWith(1, { clock: { now: () => nowMillis } });
  const first = await describeStream(client, STREAM, NEVER);
  log.deleteStream({ StreamName: STREAM });
  nowMillis += 60_000;
  log.createStream({ StreamName: STREAM, ShardCount: 1 });
  expect((await describeStream(client, STREAM, NEVER)).incarnation).not.toBe(first.incarnation);
});

test('shards name their parents, and shards that were split or merged are closed', async () => {
  const { log, client } = logWith(2);
  applyReshard(log, { kind: 'split', which: 0 });
  applyReshard(log, { kind: 'merge', which: 1 });
  const { shards } = await describeStream(client, STREAM, NEVER);
  expect(shards.map(({ id, parents, open }) => [id.at(-1), parents.map((parent) => parent.at(-1)), open])).toEqual([
    ['0', [], false],
    ['1', [], false],
    ['2', ['0'], true],
    ['3', ['0'], false],
    ['4', ['3', '1'], true],
  ]);
});

test('a list of many pages is read to its end', async () => {
  const { client } = logWith(7);
  const inPages: LogClient['send'] = (async (command: { input: object }, options: never) => {
    if (command.constructor.name === 'ListShardsCommand') Object.assign(command.input, { MaxResults: 3 });
    return client.send(command as never, options);
  }) as LogClient['send'];
  const { arn, shards } = await describeStream(client, STREAM, NEVER);
  expect(await listShards({ send: inPages }, arn, { signal: NEVER })).toEqual(shards);
});

test('the shard of a hash is the open shard whose range contains it', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 20 }),
      fc.array(fc.record({ kind: fc.constantFrom('split' as const, 'merge' as const), which: fc.nat(20) }), {
        maxLength: 10,
      }),
      async (count, reshards) => {
        const { log, client } = logWith(count);
        for (const reshard of reshards) applyReshard(log, reshard);
        const shape = await describeStream(client, STREAM, NEVER);
        const open = openShards(shape);
        for (const hash of open.flatMap(({ from, to }) => [from, (from + to) / 2n, to])) {
          expect(open.filter((shard) => covers(shard, hash))).toEqual([shardFor(open, hash)]);
        }
      },
    ),
    { numRuns: 50 },
  );
});

test('a hash in no open shard is an error, not the nearest shard', () => {
  const shard = { id: 'shardId-000000000000', from: 10n, to: 20n, parents: [], open: true };
  expect(shardFor([shard], 20n)).toBe(shard);
  for (const hash of [9n, 21n])
    expect(() => shardFor([shard], hash)).toThrow(`no open shard takes events that hash to ${hash}`);
  expect(() => shardFor([], 1n)).toThrow('no open shard');
});

test('describing a stream is retried when it is throttled, and not when there is no such stream', async () => {
  const { client } = logWith(1);
  let calls = 0;
  const throttling: LogClient['send'] = (async (command: never, options: never) => {
    if (++calls === 1)
      throw Object.assign(new Error('Rate exceeded'), { name: 'LimitExceededException', $fault: 'client' });
    return client.send(command, options);
  }) as LogClient['send'];
  expect((await describeStream({ send: throttling }, STREAM, NEVER)).name).toBe(STREAM);
  expect(calls).toBe(3);
  await expect(describeStream(client, 'nothing', NEVER)).rejects.toMatchObject({ name: 'ResourceNotFoundException' });
});
