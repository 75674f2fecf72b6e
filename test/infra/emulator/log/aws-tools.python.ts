import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../../../infra/emulator/clock.ts';
import { createLog } from '../../../../infra/emulator/log/log.ts';
import { type LogServer, startLogServer } from '../../../../infra/emulator/log/server.ts';
import { awsTools } from './aws-tools.ts';
import { shardId } from './fresh-log.ts';

const run = promisify(execFile);
let tools: Awaited<ReturnType<typeof awsTools>>;
let server: LogServer;

beforeAll(async () => {
  tools = await awsTools();
  const log = createLog({ clock: systemClock(), seed: 1, limits: 'off', transitionMillis: 1 });
  server = await startLogServer(log, { port: 0, host: '127.0.0.1' });
});

afterAll(() => server?.close());

test('boto3 can create, wait, put, list and read, and gets errors', async () => {
  const script = join(import.meta.dirname, 'round-trip.py');
  const { stdout } = await run(tools.python, [script, server.endpoint]);
  const numbers = Array.from({ length: 100 }, (_, n) => n);
  const { arrived, ...seen } = JSON.parse(stdout);
  expect(seen).toEqual({
    failed: 0,
    intact: true,
    sizes: numbers,
    keys: numbers.map((n) => `key ${n} ü`).sort(),
    error: { Code: 'ResourceNotFoundException', Message: 'Stream missing under account 000000000000 not found.' },
  });
  expect(Math.abs(arrived * 1_000 - Date.now())).toBeLessThan(60_000);
});

test('the AWS CLI can create, put, split, list and read, and gets errors', async () => {
  const aws = async (...args: string[]) => {
    const env = { ...process.env, AWS_ACCESS_KEY_ID: 'any', AWS_SECRET_ACCESS_KEY: 'any', AWS_MAX_ATTEMPTS: '1' };
    const options = ['--endpoint-url', server.endpoint, '--region', 'us-east-1', '--output', 'json'];
    const { stdout } = await run(tools.aws, [...options, 'kinesis', ...args], { env });
    return stdout === '' ? undefined : JSON.parse(stdout);
  };
  await aws('create-stream', '--stream-name', 'cli', '--shard-count', '1');
  const put = await aws('put-record', '--stream-name', 'cli', '--partition-key', 'k', '--data', 'hello');
  expect(put).toEqual({ ShardId: shardId(0), SequenceNumber: expect.stringMatching(/^\d{56}$/) });
  const split = ['--shard-to-split', shardId(0), '--new-starting-hash-key', '1000'];
  await aws('split-shard', '--stream-name', 'cli', ...split);
  const filter = ['--shard-filter', 'Type=AT_LATEST'];
  const { Shards } = await aws('list-shards', '--stream-name', 'cli', ...filter);
  expect(Shards.map(({ ShardId }: { ShardId: string }) => ShardId)).toEqual([shardId(1), shardId(2)]);
  const at = ['--shard-id', shardId(0), '--shard-iterator-type', 'TRIM_HORIZON'];
  const { ShardIterator } = await aws('get-shard-iterator', '--stream-name', 'cli', ...at);
  const { Records, ChildShards } = await aws('get-records', '--shard-iterator', ShardIterator);
  expect(Records).toEqual([
    {
      SequenceNumber: put.SequenceNumber,
      PartitionKey: 'k',
      Data: Buffer.from('hello').toString('base64'),
      ApproximateArrivalTimestamp: expect.anything(),
    },
  ]);
  expect(ChildShards).toHaveLength(2);
  const refused = aws(
    'update-shard-count',
    '--stream-name',
    'cli',
    '--target-shard-count',
    '9',
    '--scaling-type',
    'UNIFORM_SCALING',
  );
  await expect(refused).rejects.toThrow(/\(InvalidArgumentException\).*scale up to more than double/);
});
