import { createServer, type IncomingMessage, type RequestListener } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { GetItemCommand } from '@aws-sdk/client-dynamodb';
import { GetRecordsCommand, KinesisClient, ListShardsCommand, PutRecordsCommand } from '@aws-sdk/client-kinesis';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { dynamoClient } from '../../../../functions/runtime/aws/dynamo.ts';
import { httpHandler } from '../../../../functions/runtime/aws/http.ts';
import { kinesisClient } from '../../../../functions/runtime/aws/kinesis.ts';
import { s3Client } from '../../../../functions/runtime/aws/s3.ts';
import { failureKindOf } from '../../../../functions/runtime/log/back-off.ts';
import { readShard } from '../../../../functions/runtime/log/log-reader.ts';
import { openLogWriter } from '../../../../functions/runtime/log/log-writer.ts';
import { startLogServer } from '../../../../infra/emulator/log/server.ts';
import { eventOf, eventsIn, logWith, NEVER, STREAM } from '../log/log-kit.ts';

beforeEach(() => {
  vi.stubEnv('AWS_REGION', 'us-east-1');
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'test');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'test');
});

afterEach(() => {
  vi.unstubAllEnvs();
});

/** Starts an endpoint. The clients find it in their environment, as on Lambda. */
async function endpoint(answer: RequestListener) {
  const sockets: Socket[] = [];
  const requests: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    requests.push(request);
    answer(request, response);
  });
  server.on('connection', (socket) => sockets.push(socket));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  vi.stubEnv('AWS_ENDPOINT_URL', url);
  return {
    url,
    sockets,
    requests,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const json: RequestListener = (request, response) => {
  request.resume().on('end', () => response.writeHead(200, { 'content-type': 'application/x-amz-json-1.1' }).end('{}'));
};
const broken: RequestListener = (request, response) => {
  request.resume().on('end', () => response.writeHead(500).end());
};
const silent: RequestListener = (request) => request.resume();

const put = () =>
  new PutRecordsCommand({
    StreamName: STREAM,
    Records: [{ Data: Buffer.from('a'), PartitionKey: 'a', ExplicitHashKey: '0' }],
  });

test('the writer and the reader work over HTTP', async () => {
  const { log } = logWith(1);
  const server = await startLogServer(log, { host: '127.0.0.1', port: 0 });
  vi.stubEnv('AWS_ENDPOINT_URL', server.endpoint);
  const kinesis = kinesisClient();
  const events = Array.from({ length: 50 }, (_, n) => eventOf('/p/s/1', n, `k${n}`));
  await openLogWriter({ kinesis, stream: STREAM }).append(events, NEVER);
  const seen: unknown[] = [];
  for await (const { records } of readShard({
    kinesis,
    stream: STREAM,
    shardId: 'shardId-000000000000',
    after: undefined,
    signal: NEVER,
  })) {
    seen.push(...records.flatMap(({ data }) => eventsIn(Buffer.from(data)).map((event) => event.data)));
  }
  expect(seen).toEqual([...Array(50).keys()]);
  kinesis.destroy();
  await server.close();
});

test('a connection is reused', async () => {
  await using server = await endpoint(json);
  const kinesis = kinesisClient();
  for (let call = 0; call < 5; call++) await kinesis.send(new ListShardsCommand({ StreamName: STREAM }));
  expect([server.requests.length, server.sockets.length]).toEqual([5, 1]);
  expect(server.requests[0]?.httpVersion).toBe('1.1');
  kinesis.destroy();
});

test('the Kinesis client never retries: the log writer decides that', async () => {
  await using server = await endpoint(broken);
  const kinesis = kinesisClient();
  const error = await kinesis.send(put()).catch((caught: unknown) => caught);
  expect(failureKindOf(error)).toBe('passing');
  expect(server.requests.length).toBe(1);
  kinesis.destroy();
});

test.each([
  { region: 'eu-west-1', partition: 'aws', host: 'kinesis.eu-west-1.amazonaws.com' },
  { region: 'cn-north-1', partition: 'aws-cn', host: 'kinesis.cn-north-1.amazonaws.com.cn' },
])("calls $region's endpoint for a stream that is named by its ARN", async ({ region, partition, host }) => {
  vi.stubEnv('AWS_REGION', region);
  const kinesis = kinesisClient();
  const called: string[] = [];
  kinesis.config.requestHandler.handle = async ({ hostname }) => {
    called.push(hostname);
    throw new Error('nothing is sent');
  };
  const StreamARN = `arn:${partition}:kinesis:${region}:123456789012:stream/orders`;
  const commands = [
    new ListShardsCommand({ StreamARN }),
    new GetRecordsCommand({ StreamARN, ShardIterator: 'i' }),
    new PutRecordsCommand({ StreamARN, Records: [] }),
  ];
  for (const command of commands) await expect(kinesis.send(command as never)).rejects.toThrow('nothing is sent');
  expect(called).toEqual([host, host, host]);
  kinesis.destroy();
});

test('the DynamoDB client retries', async () => {
  await using server = await endpoint(broken);
  const dynamodb = dynamoClient();
  await expect(dynamodb.send(new GetItemCommand({ TableName: 't', Key: { k: { S: 'a' } } }))).rejects.toThrow();
  expect(server.requests.length).toBe(5);
  dynamodb.destroy();
});

test('a request without a reply fails with a passing error, and its connection closes', async () => {
  await using server = await endpoint(silent);
  const kinesis = new KinesisClient({ maxAttempts: 1, requestHandler: httpHandler({ requestMillis: 100 }) });
  const error = await kinesis.send(put()).catch((caught: unknown) => caught);
  expect(failureKindOf(error)).toBe('passing');
  await expect.poll(() => server.sockets.map(({ destroyed }) => destroyed)).toEqual([true]);
  kinesis.destroy();
});

test('an aborted request closes its connection', async () => {
  const time = new AbortController();
  await using server = await endpoint((request) => request.resume().on('end', () => time.abort()));
  const kinesis = kinesisClient();
  await expect(kinesis.send(put(), { abortSignal: time.signal })).rejects.toMatchObject({ name: 'AbortError' });
  await expect.poll(() => server.sockets.map(({ destroyed }) => destroyed)).toEqual([true]);
  kinesis.destroy();
});

test('a refused connection and a broken one are passing errors', async () => {
  const refused = await endpoint(json);
  await refused[Symbol.asyncDispose]();
  const troubleWith = async () => {
    const kinesis = kinesisClient();
    const error = await kinesis.send(put()).catch((caught: unknown) => caught);
    kinesis.destroy();
    return failureKindOf(error);
  };
  expect(await troubleWith()).toBe('passing');
  await using _breaking = await endpoint((request) => request.socket.destroy());
  expect(await troubleWith()).toBe('passing');
});

test.each([
  [true, 's3.us-east-1.amazonaws.com', '/lake/2026/orders.ndjson'],
  [false, 'lake.s3.us-east-1.amazonaws.com', '/2026/orders.ndjson'],
])('with path style %s an object goes to %s', async (pathStyle, hostname, path) => {
  const s3 = s3Client({ pathStyle });
  const sent: unknown[] = [];
  s3.middlewareStack.add(
    () =>
      ({ request }) => {
        const { hostname: toHost, path: toPath } = request as { hostname: string; path: string };
        sent.push(toHost, toPath);
        throw new Error('not sent');
      },
    { step: 'deserialize' },
  );
  const put = s3.send(new PutObjectCommand({ Bucket: 'lake', Key: '2026/orders.ndjson', Body: 'x' }));
  await expect(put).rejects.toThrow('not sent');
  expect(sent).toEqual([hostname, path]);
  s3.destroy();
});
