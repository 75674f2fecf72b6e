import { createServer, type RequestListener } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net';
import { setTimeout as delay, setImmediate } from 'node:timers/promises';
import { GetItemCommand } from '@aws-sdk/client-dynamodb';
import { GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { SendMessageCommand } from '@aws-sdk/client-sqs';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { openDatabase } from '../../../../functions/clients/postgres.ts';
import { PostgresServer } from '../../../../functions/clients/postgres-login.ts';
import { dynamoClient } from '../../../../functions/runtime/aws/dynamo.ts';
import { kinesisClient } from '../../../../functions/runtime/aws/kinesis.ts';
import { s3Client } from '../../../../functions/runtime/aws/s3.ts';
import { sqsClient } from '../../../../functions/runtime/aws/sqs.ts';
import { readShard } from '../../../../functions/runtime/log/log-reader.ts';
import { openLogWriter } from '../../../../functions/runtime/log/log-writer.ts';
import { describeStream } from '../../../../functions/runtime/log/shards.ts';
import { eventOf, STREAM } from '../log/log-kit.ts';

/**
 * What a step may wait for, and what ends the waiting: the signal of its invocation. A call that outlasts it makes
 * Lambda kill the process, and that would be taken for the events' fault.
 */
const calls: Record<string, (signal: AbortSignal) => Promise<unknown>> = {
  DynamoDB: (abortSignal) =>
    dynamoClient().send(new GetItemCommand({ TableName: 't', Key: { k: { S: 'a' } } }), { abortSignal }),
  'S3, of an object that is written': (abortSignal) =>
    s3Client({ pathStyle: true }).send(new PutObjectCommand({ Bucket: 'b', Key: 'k', Body: 'x' }), { abortSignal }),
  'S3, of an object that is read': (abortSignal) =>
    s3Client({ pathStyle: true }).send(new GetObjectCommand({ Bucket: 'b', Key: 'k' }), { abortSignal }),
  SQS: (abortSignal) =>
    sqsClient().send(new SendMessageCommand({ QueueUrl: `${process.env.AWS_ENDPOINT_URL}/1/q`, MessageBody: 'x' }), {
      abortSignal,
    }),
  'Kinesis, of an append': (signal) =>
    openLogWriter({ kinesis: kinesisClient(), stream: STREAM, shape: SHAPE }).append(
      [eventOf('/p/s/x', 1, 'k')],
      signal,
    ),
  'Kinesis, of a look at the stream': (signal) => describeStream(kinesisClient(), STREAM, signal),
  'Kinesis, of a page of a shard': (signal) =>
    readShard({ kinesis: kinesisClient(), stream: STREAM, shardId: 'shardId-0', after: undefined, signal }).next(),
};

const SHAPE = {
  name: STREAM,
  arn: `arn:aws:kinesis:us-east-1:000000000000:stream/${STREAM}`,
  incarnation: 'x',
  createdMillis: 0,
  maxRecordBytes: 1_048_576,
  retentionMillis: 86_400_000,
  shards: [{ id: 'shardId-0', from: 0n, to: 2n ** 128n - 1n, parents: [], open: true }],
} as unknown as Awaited<ReturnType<typeof describeStream>>;

describe('the time of an invocation ends a call', () => {
  beforeEach(() => {
    vi.stubEnv('AWS_REGION', 'us-east-1');
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'test');
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'test');
  });
  afterEach(() => {
    vi.unstubAllEnvs();
  });

  /** An endpoint, and its requests as they come. */
  async function endpoint(answer: RequestListener) {
    let requests = 0;
    const first = Promise.withResolvers<void>();
    const server = createServer((request, response) => {
      requests++;
      request.resume().on('end', () => answer(request, response));
      response.on('finish', first.resolve);
      if (answer === silent) first.resolve();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    vi.stubEnv('AWS_ENDPOINT_URL', `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    return {
      first: first.promise,
      requests: () => requests,
      async [Symbol.asyncDispose]() {
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      },
    };
  }

  const silent: RequestListener = () => undefined;
  /** With a hint to come back much later than any test lasts. */
  const throttled: RequestListener = (_, response) => {
    response
      .writeHead(429, { 'retry-after': '600', 'content-type': 'application/x-amz-json-1.0' })
      .end('{"__type":"ThrottlingException","message":"Rate exceeded"}');
  };

  test.each(Object.keys(calls))('of %s that nobody answers', async (name) => {
    await using server = await endpoint(silent);
    const ending = new AbortController();
    const called = calls[name]?.(ending.signal) ?? Promise.resolve();
    await Promise.race([server.first, called]);
    ending.abort();
    await expect(called).rejects.toThrow();
    expect(server.requests()).toBe(1);
  });

  test.each(Object.keys(calls))('of %s that waits for its next try', async (name) => {
    await using server = await endpoint(throttled);
    const ending = new AbortController();
    const called = calls[name]?.(ending.signal) ?? Promise.resolve();
    await Promise.race([server.first, called.catch(() => undefined)]);
    // The answer is read, and the wait has begun.
    await delay(20);
    const before = server.requests();
    let isOver = false;
    called.catch(() => {
      isOver = true;
    });
    ending.abort();
    // At once: not when the wait is over.
    await setImmediate();
    expect({ isOver, requests: server.requests() }).toEqual({ isOver: true, requests: before });
  });

  test('of Postgres whose server takes the connection and says nothing', async () => {
    const sockets: Socket[] = [];
    const connected = Promise.withResolvers<void>();
    const server = createTcpServer((socket) => {
      sockets.push(socket);
      socket.on('error', () => undefined);
      connected.resolve();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const at = { host: '127.0.0.1', port, user: 'u', database: 'd', auth: { password: 'p' }, tls: 'off' };
    const database = openDatabase(PostgresServer.parse(at), 'p/s');
    const ending = new AbortController();
    const used = database.use(ending.signal, (client) => client.query('SELECT 1'));
    await connected.promise;
    ending.abort();
    await expect(used).rejects.toThrow(/abort/);
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
});
