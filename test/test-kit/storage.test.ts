import {
  CreateBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import {
  ChangeMessageVisibilityCommand,
  DeleteMessageCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
} from '@aws-sdk/client-sqs';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { virtualClock } from '../../infra/emulator/clock.ts';
import { seededRandom } from '../infra/emulator/mapping/seeded-random.ts';
import { createS3 } from '../kit/s3.ts';
import { startOtherS3, startS3 } from '../kit/servers.ts';
import type { AwsCommand } from '../kit/service.ts';
import { createSqs } from '../kit/sqs.ts';

describe("the kit's S3 and the laptop's", () => {
  let running: AsyncDisposableStack;
  let other: S3Client;
  let laptop: S3Client;
  beforeAll(async () => {
    running = new AsyncDisposableStack();
    [other, laptop] = (await Promise.all([startOtherS3(), startS3()])).map((server) => {
      const client = new S3Client({
        endpoint: server.endpoint,
        forcePathStyle: true,
        region: 'us-east-1',
        credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
        maxAttempts: 1,
      });
      running.defer(async () => {
        client.destroy();
        await server.stop();
      });
      return client;
    }) as [S3Client, S3Client];
  });
  afterAll(() => running.disposeAsync());

  test('answer puts, deletes, whole and partial reads, conditions and listings as a server of others does', async () => {
    let buckets = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(command, { minLength: 5, maxLength: 25 }), async (commands) => {
        const Bucket = `bucket-${++buckets}`;
        for (const client of [other, laptop]) await client.send(new CreateBucketCommand({ Bucket }));
        const model = createS3({ now: () => 0 });
        model.createBucket(Bucket);
        for (const make of commands) {
          const [real, ours, kit] = await Promise.all([
            outcomeOf(other.send(make(Bucket) as never)),
            outcomeOf(laptop.send(make(Bucket) as never)),
            outcomeOf(model.call(make(Bucket))),
          ]);
          expect({ ours, kit }, JSON.stringify(make(Bucket).input)).toEqual({ ours: real, kit: real });
        }
      }),
      { numRuns: 25 },
    );
  });
});

const key = fc.constantFrom('a/1', 'a/2', 'b');
const body = fc.constantFrom('', 'x', 'some text');
/** The ETags of those bodies, and one that fits none. */
const etag = fc.constantFrom(
  '"d41d8cd98f00b204e9800998ecf8427e"',
  '"9dd4e461268c8034f5c8564e155c67a6"',
  '"00000000000000000000000000000000"',
);
const range = fc.constantFrom('bytes=0-', 'bytes=3-', 'bytes=1-3', 'bytes=50-');

const command: fc.Arbitrary<(bucket: string) => AwsCommand> = fc.oneof(
  fc.tuple(key, body).map(
    ([Key, Body]) =>
      (Bucket: string) =>
        new PutObjectCommand({ Bucket, Key, Body: Buffer.from(Body) }),
  ),
  fc
    .record({ Key: key, IfMatch: etag, Range: range }, { requiredKeys: ['Key'] })
    .map((input) => (Bucket: string) => new GetObjectCommand({ Bucket, ...input })),
  key.map((Key) => (Bucket: string) => new DeleteObjectCommand({ Bucket, Key })),
  fc
    .record({ Prefix: fc.constantFrom('', 'a/', 'c'), MaxKeys: fc.constantFrom(1, 2, 1_000) })
    .map((input) => (Bucket: string) => new ListObjectsV2Command({ Bucket, ...input })),
);

/** Reduces an answer to what the runtime and the connectors read. */
async function outcomeOf(sent: Promise<object>): Promise<object> {
  try {
    const answer = (await sent) as {
      Body?: AsyncIterable<Uint8Array>;
      ETag?: string;
      ContentRange?: string;
      Contents?: { Key?: string; Size?: number; ETag?: string }[];
      IsTruncated?: boolean;
    };
    const chunks: Uint8Array[] = [];
    for await (const chunk of answer.Body ?? []) chunks.push(chunk);
    const { ETag, ContentRange, IsTruncated } = answer;
    const listed = answer.Contents?.map(({ Key, Size, ETag: tag }) => ({ Key, Size, tag })) ?? [];
    return { text: Buffer.concat(chunks).toString(), ETag, ContentRange, IsTruncated, listed };
  } catch (error) {
    const { name, $metadata } = error as { name: string; $metadata?: { httpStatusCode?: number } };
    return { name, status: $metadata?.httpStatusCode };
  }
}

describe("the kit's SQS", () => {
  function world({ twiceProbability = 0 } = {}) {
    const clock = virtualClock({ startMillis: 0 });
    const sqs = createSqs({ clock, random: seededRandom(1), twiceProbability });
    sqs.createQueue('failed', { visibilityTimeoutSeconds: 30 });
    sqs.createQueue('queue', { visibilityTimeoutSeconds: 30, redrive: { to: 'failed', maxReceiveCount: 2 } });
    const QueueUrl = sqs.urlOf('queue');
    const receive = async (WaitTimeSeconds = 0) => {
      const polled = sqs.call(new ReceiveMessageCommand({ QueueUrl, WaitTimeSeconds }));
      const { Messages = [] } = (await clock.runUntil(polled)) as {
        Messages?: { Body: string; ReceiptHandle: string }[];
      };
      return Messages;
    };
    const send = (MessageBody: string, DelaySeconds = 0) =>
      sqs.call(new SendMessageCommand({ QueueUrl, MessageBody, DelaySeconds }));
    return { clock, sqs, QueueUrl, send, receive };
  }

  test('hides a received message, shows it again, and moves it to the dead-letter queue in the end', async () => {
    const { clock, sqs, send, receive } = world();
    await send('one');
    expect(await receive()).toMatchObject([{ Body: 'one' }]);
    expect(await receive()).toEqual([]);
    await clock.advance(30_000);
    expect(await receive()).toMatchObject([{ Body: 'one' }]);
    await clock.advance(30_000);
    expect(await receive()).toEqual([]);
    expect(sqs.messages('failed')).toEqual(['one']);
  });

  test('removes a deleted message, and shows one at once that is made visible', async () => {
    const { sqs, QueueUrl, send, receive } = world();
    await send('one');
    const [first] = await receive();
    const ReceiptHandle = first?.ReceiptHandle;
    await sqs.call(new ChangeMessageVisibilityCommand({ QueueUrl, ReceiptHandle, VisibilityTimeout: 0 }));
    const [second] = await receive();
    await sqs.call(new DeleteMessageCommand({ QueueUrl, ReceiptHandle: second?.ReceiptHandle }));
    expect(sqs.messages('queue')).toEqual([]);
  });

  test('keeps a poll waiting until a message arrives, or until its wait time is over', async () => {
    const { clock, send, receive } = world();
    const late = clock.sleep(5_000).then(() => send('late'));
    expect(await receive(20)).toMatchObject([{ Body: 'late' }]);
    expect(clock.now()).toBe(5_000);
    await late;
    await send('delayed', 7);
    expect(await receive(20)).toMatchObject([{ Body: 'delayed' }]);
    expect(clock.now()).toBe(12_000);
    expect(await receive(20)).toEqual([]);
    expect(clock.now()).toBe(32_000);
  });

  test('sometimes delivers a message twice', async () => {
    const { send, receive } = world({ twiceProbability: 1 });
    await send('one');
    expect([...(await receive()), ...(await receive())]).toMatchObject([{ Body: 'one' }, { Body: 'one' }]);
  });
});
