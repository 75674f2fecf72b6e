import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openDeadLetters } from '../../../../functions/runtime/dead-letters/dead-letters.ts';
import { namesOf } from '../../../../infra/names.ts';
import {
  discardLetter,
  findLetter,
  listLetters,
  originalBytes,
  readLetter,
  readLetters,
} from '../../../../infra/operation/dead-letters/dead-letters.ts';
import type { Target } from '../../../../infra/operation/target.ts';
import { type S3Server, startS3 } from '../../../kit/servers.ts';

describe('dead letters', () => {
  let server: S3Server;
  let s3: S3Client;
  let target: Target;
  let stages = 0;
  const { signal } = new AbortController();

  beforeAll(async () => {
    server = await startS3();
    s3 = new S3Client({
      endpoint: server.endpoint,
      region: 'us-east-1',
      forcePathStyle: true,
      credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
      requestHandler: new NodeHttpHandler(),
    });
  });
  afterAll(async () => {
    s3.destroy();
    await server.stop();
  });
  beforeEach(async () => {
    const names = namesOf({ stage: `t${++stages}`, account: '0', region: 'us-east-1', partition: 'aws' });
    await s3.send(new CreateBucketCommand({ Bucket: names.deadLetters }));
    target = { names, clients: { s3 } } as Target;
  });

  const reject = (step: string, at: string, bytes: string | Uint8Array) =>
    openDeadLetters({ s3, bucket: target.names.deadLetters, pipeline: 'shop', step }).put(
      'stream/shardId-0',
      [{ at, reason: 'schema', message: `wrong at ${at}`, bytes: Buffer.from(bytes) }],
      signal,
    );
  const idsOf = async (step?: string) =>
    (await Array.fromAsync(listLetters(target, { pipeline: 'shop', step }, signal))).map(({ id }) => id);

  test('are listed by step and by pipeline, apart from those of a step whose name starts the same', async () => {
    for (const [step, at] of [
      ['clean', '1'],
      ['clean', '2'],
      ['cleaning', '1'],
    ] as const)
      await reject(step, at, 'x');
    expect(await idsOf('clean')).toHaveLength(2);
    expect(await idsOf()).toHaveLength(3);
    expect(new Set(await idsOf()).size).toBe(3);
  });

  test('are found by their ids, with their original bytes, text or not', async () => {
    const binary = Uint8Array.from([0xff, 0x00, 0xfe, 0x0a]);
    await reject('clean', '1', 'a\ufeffb\n');
    await reject('clean', '2', binary);
    const { letters, unread } = await readLetters(target, { pipeline: 'shop' }, signal);
    expect(unread).toBe(0);
    const bytes = await Promise.all(
      letters.map(async ({ id }) =>
        originalBytes(await readLetter(target, (await findLetter(target, id, signal)).key, signal)),
      ),
    );
    expect(bytes).toEqual([Buffer.from('a\ufeffb\n'), Buffer.from(binary)]);
  });

  test.each(['clean', 'shop/clean', 'shop/clean/', 'a/b/c/d'])("are not found by '%s', which is no id", async (id) => {
    await expect(findLetter(target, id, signal)).rejects.toThrow(`invalid id '${id}'`);
  });

  test('leave the list when they are discarded, and are kept whole with the reason', async () => {
    await reject('clean', '1', 'x');
    await reject('clean', '2', 'y');
    const [first] = await Array.fromAsync(listLetters(target, { pipeline: 'shop' }, signal));
    if (first === undefined) throw new Error('the test has no dead letter');
    await discardLetter(target, first, { reason: 'sent again', nowMillis: 0, signal });
    expect((await readLetters(target, { pipeline: 'shop' }, signal)).letters).toMatchObject([{ at: '2' }]);
    const kept = await readLetter(target, 'discarded/shop/clean/stream/shardId-0/1.json', signal);
    expect(kept).toEqual({
      pipeline: 'shop',
      step: 'clean',
      shard: 'stream/shardId-0',
      at: '1',
      reason: 'schema',
      message: 'wrong at 1',
      text: 'x',
      discarded: { reason: 'sent again', time: '1970-01-01T00:00:00.000Z' },
    });
  });

  test('stay on the list when a discard fails half-way, and can be discarded again', async () => {
    await reject('clean', '1', 'x');
    const [letter] = await Array.fromAsync(listLetters(target, { pipeline: 'shop' }, signal));
    if (letter === undefined) throw new Error('the test has no dead letter');
    const failing = {
      ...target,
      clients: {
        s3: {
          send: (command: never) => {
            if ((command as object).constructor.name === 'DeleteObjectCommand') throw new Error('the bucket is down');
            return s3.send(command);
          },
        },
      },
    } as unknown as Target;
    const why = { reason: 'sent again', nowMillis: 0, signal };
    await expect(discardLetter(failing, letter, why)).rejects.toThrow('the bucket is down');
    expect(await idsOf()).toEqual([letter.id]);
    await discardLetter(target, letter, why);
    expect(await idsOf()).toEqual([]);
  });
});
