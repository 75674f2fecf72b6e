import { CreateBucketCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openDeadLetters } from '../../../../functions/runtime/dead-letters/dead-letters.ts';
import { namesOf } from '../../../../infra/names.ts';
import {
  deadLettersByShard,
  discardLetters,
  findLetter,
  letterId,
  listLetters,
  originalBytes,
  readLetter,
  readLetters,
} from '../../../../infra/operation/dead-letters/dead-letters.ts';
import type { Target } from '../../../../infra/operation/target.ts';
import type { StepPlan } from '../../../../infra/pipelines/plan.ts';
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
  /** Stores a portion of rejections, as a step does. */
  const rejectPortion = (places: readonly string[]) =>
    openDeadLetters({ s3, bucket: target.names.deadLetters, pipeline: 'shop', step: 'clean' }).put(
      'stream/shardId-0',
      places.map((at) => ({ at, reason: 'schema' as const, message: `wrong at ${at}`, bytes: Buffer.from(`x${at}`) })),
      signal,
    );
  const placesOf = async () =>
    (await readLetters(target, { pipeline: 'shop' }, signal)).letters.map(({ at, text }) => `${at} ${text}`);
  const countOf = async () =>
    (await deadLettersByShard(target, { pipeline: 'shop', name: 'clean' } as StepPlan, signal)).get('stream/shardId-0');
  const lettersAt = async (...places: readonly string[]) => {
    const stored = await Array.fromAsync(listLetters(target, { pipeline: 'shop' }, signal));
    return stored.filter(({ id }) =>
      places.some((at) => id === letterId(`dead-letters/shop/clean/stream/shardId-0/${at}.json`)),
    );
  };
  const why = { reason: 'sent again', nowMillis: 0, signal };
  const keysBelow = async (Prefix: string) =>
    ((await s3.send(new ListObjectsV2Command({ Bucket: target.names.deadLetters, Prefix }))).Contents ?? []).map(
      ({ Key }) => Key,
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
    await discardLetters(target, [first], { reason: 'sent again', nowMillis: 0, signal });
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
    await expect(discardLetters(failing, [letter], why)).rejects.toThrow('the bucket is down');
    expect(await idsOf()).toEqual([letter.id]);
    await discardLetters(target, [letter], why);
    expect(await idsOf()).toEqual([]);
  });

  test('of one portion are listed, found and counted one by one, beside letters that an older version stored alone', async () => {
    await rejectPortion(['2', '3', '4']);
    await rejectPortion(['1']);
    await rejectPortion(['5']);
    expect(await placesOf()).toEqual(['1 x1', '2 x2', '3 x3', '4 x4', '5 x5']);
    expect(await countOf()).toBe(5);
    const ids = await idsOf('clean');
    expect(new Set(ids).size).toBe(5);
    const third = await findLetter(target, ids[2] as string, signal);
    expect(await readLetter(target, third.key, signal)).toMatchObject({ at: '3', text: 'x3' });
    // The id is the one that the letter has when it is alone in its portion.
    expect(ids[2]).toBe(letterId('dead-letters/shop/clean/stream/shardId-0/3.json'));
  });

  test('of one portion are discarded one by one, and their object goes with the last of them', async () => {
    await rejectPortion(['1', '2', '3']);
    await discardLetters(target, await lettersAt('2'), why);
    expect(await placesOf()).toEqual(['1 x1', '3 x3']);
    expect(await countOf()).toBe(2);
    await discardLetters(target, await lettersAt('3'), why);
    expect(await placesOf()).toEqual(['1 x1']);
    await discardLetters(target, await lettersAt('1'), why);
    expect(await keysBelow('dead-letters/')).toEqual([]);
    expect(await countOf()).toBe(undefined);
    expect((await keysBelow('discarded/')).sort()).toEqual(
      ['1', '2', '3'].map((at) => `discarded/shop/clean/stream/shardId-0/${at}.json`),
    );
  });

  test('are on the list again when their step stores their portion again after a discard', async () => {
    await rejectPortion(['1', '2', '3']);
    await discardLetters(target, await lettersAt('2'), why);
    // S3 tells times to the second.
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    await rejectPortion(['1', '2', '3']);
    expect(await placesOf()).toEqual(['1 x1', '2 x2', '3 x3']);
  });

  test('are listed once when a portion was cut otherwise as it was repeated, and leave the list at once', async () => {
    await rejectPortion(['1', '2', '3', '4']);
    await rejectPortion(['1', '2']);
    await rejectPortion(['3']);
    await rejectPortion(['4', '5']);
    expect(await placesOf()).toEqual(['1 x1', '2 x2', '3 x3', '4 x4', '5 x5']);
    expect(await countOf()).toBe(5);
    await discardLetters(target, await lettersAt('1', '3'), why);
    expect(await placesOf()).toEqual(['2 x2', '4 x4', '5 x5']);
    await discardLetters(target, await Array.fromAsync(listLetters(target, { pipeline: 'shop' }, signal)), why);
    expect(await keysBelow('dead-letters/')).toEqual([]);
  });

  test('of one portion are each removed when two commands discard them at once', async () => {
    const places = Array.from({ length: 12 }, (_, index) => String(index + 10));
    await rejectPortion(places);
    await Promise.all(places.map(async (at) => discardLetters(target, await lettersAt(at), why)));
    expect(await placesOf()).toEqual([]);
    expect(await keysBelow('discarded/')).toHaveLength(12);
    expect(await keysBelow('dead-letters/')).toEqual([]);
  });

  test('by the thousand are kept in one object when all of them are discarded', async () => {
    await rejectPortion(Array.from({ length: 3_000 }, (_, index) => String(10_000 + index)));
    const { letters, unread } = await readLetters(target, { pipeline: 'shop' }, signal);
    expect([letters.length, unread]).toEqual([2_000, 1_000]);
    await discardLetters(target, await Array.fromAsync(listLetters(target, { pipeline: 'shop' }, signal)), why);
    expect(await keysBelow('dead-letters/')).toEqual([]);
    expect(await keysBelow('discarded/')).toEqual([
      expect.stringMatching(/^discarded\/shop\/clean\/stream\/shardId-0\/10000\.12999\.3000\.[\w-]+\.jsonl\.gz$/),
    ]);
  });
});
