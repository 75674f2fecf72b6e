import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateStreamCommand, KinesisClient, PutRecordsCommand } from '@aws-sdk/client-kinesis';
import { GetObjectCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import { SNSClient } from '@aws-sdk/client-sns';
import { ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { startFauxqs } from 'fauxqs';
import { afterEach, expect, test } from 'vitest';
import { systemClock } from '../../../../infra/emulator/clock.ts';
import { startLambdaHost } from '../../../../infra/emulator/lambda-host/host.ts';
import { createLog } from '../../../../infra/emulator/log/log.ts';
import { startLogServer } from '../../../../infra/emulator/log/server.ts';
import type { MappingRequest } from '../../../../infra/emulator/mapping/configuration.ts';
import { startMapping } from '../../../../infra/emulator/mapping/mapping.ts';
import { seededRandom } from './seeded-random.ts';

const cleanUps: (() => unknown)[] = [];

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

/** A function that throws on marked records. SDK clients, servers, processes and time are real. */
const bundle = `export const handler = async ({ Records }) => {
  for (const { kinesis } of Records) {
    const text = Buffer.from(kinesis.data, 'base64').toString();
    if (text === 'bad') throw new RangeError('bad record');
    console.log(text);
  }
};`;

async function deliver(texts: readonly string[], configuration: Partial<MappingRequest>) {
  const clock = systemClock();
  const folder = await mkdtemp(join(tmpdir(), 'mapping-'));
  cleanUps.push(() => rm(folder, { recursive: true }));
  const bundlePath = join(folder, 'index.mjs');
  await writeFile(bundlePath, bundle);
  const lines: string[] = [];
  const host = startLambdaHost({
    functions: [
      { name: 'load', bundlePath, handlerName: 'handler', environment: {}, timeoutMillis: 900_000, memoryMb: 128 },
    ],
    identity: { region: 'us-east-1', accountId: '000000000000', accessKeyId: 'local', secretAccessKey: 'local' },
    onLog: (_, line) => lines.push(line),
    clock,
    random: seededRandom(1),
  });
  cleanUps.push(() => host.close());
  const server = await startLogServer(createLog({ clock, seed: 1, limits: 'off' }), { port: 0, host: '127.0.0.1' });
  cleanUps.push(() => server.close());
  const local = { region: 'us-east-1', credentials: { accessKeyId: 'local', secretAccessKey: 'local' } };
  const kinesis = new KinesisClient({ ...local, endpoint: server.endpoint });
  cleanUps.push(() => kinesis.destroy());
  const services = await startFauxqs({ port: 0, logger: false });
  cleanUps.push(() => services.stop());
  const elsewhere = { ...local, endpoint: `http://127.0.0.1:${services.port}` };
  const clients = {
    sqs: new SQSClient(elsewhere),
    sns: new SNSClient(elsewhere),
    s3: new S3Client({ ...elsewhere, forcePathStyle: true }),
  };
  cleanUps.push(() => Object.values(clients).forEach((client) => void client.destroy()));
  services.setup({
    queues: [{ name: 'failed' }],
    topics: [{ name: 'failed' }],
    buckets: ['failed'],
    subscriptions: [{ topic: 'failed', queue: 'failed' }],
  });
  const StreamName = 'readings';
  await kinesis.send(new CreateStreamCommand({ StreamName, ShardCount: 1 }));
  await clock.sleep(200);
  const Records = texts.map((text) => ({ Data: Buffer.from(text), PartitionKey: 'key' }));
  await kinesis.send(new PutRecordsCommand({ StreamName, Records }));
  const mapping = startMapping({
    configuration: {
      FunctionName: 'load',
      EventSourceArn: 'arn:aws:kinesis:us-east-1:000000000000:stream/readings',
      StartingPosition: 'TRIM_HORIZON',
      ...configuration,
    },
    invoke: ({ functionArn, payload, requestId }) => host.invoke(functionArn, payload, { requestId }),
    pace: { pollMillis: 20, leastPollMillis: 5, backOffMillis: 10 },
    kinesis,
    destinations: clients,
    clock,
    trace: () => undefined,
    random: seededRandom(1),
  });
  await mapping.caughtUp();
  await mapping.delete();
  await host.close();
  return { clients, lines, queueUrl: `${elsewhere.endpoint}/000000000000/failed` };
}

const failing = { BisectBatchOnFunctionError: true, MaximumRetryAttempts: 1 };
const exhausted = {
  requestContext: { condition: 'RetryAttemptsExhausted', approximateInvokeCount: 2 },
  KinesisBatchInfo: { batchSize: 1 },
};

test.each([
  ['queue', 'arn:aws:sqs:us-east-1:000000000000:failed'],
  ['topic', 'arn:aws:sns:us-east-1:000000000000:failed'],
])(
  'over real servers, processes and clients a bad record ends in the %s, all others in the function',
  async (kind, Destination) => {
    const { clients, lines, queueUrl } = await deliver(['a', 'b', 'bad', 'c'], {
      ...failing,
      DestinationConfig: { OnFailure: { Destination } },
    });
    expect(lines.filter((line, place) => lines.indexOf(line) === place)).toEqual(['a', 'b', 'c']);
    const { Messages } = await clients.sqs.send(new ReceiveMessageCommand({ QueueUrl: queueUrl, WaitTimeSeconds: 5 }));
    const body = JSON.parse(Messages?.[0]?.Body ?? '');
    expect(kind === 'topic' ? JSON.parse(body.Message) : body).toMatchObject(exhausted);
  },
);

test('a bad record reaches the bucket with its payload, over real servers, processes and clients', async () => {
  const { clients } = await deliver(['a', 'bad', 'c'], {
    ...failing,
    DestinationConfig: { OnFailure: { Destination: 'arn:aws:s3:::failed' } },
  });
  const { Contents = [] } = await clients.s3.send(new ListObjectsV2Command({ Bucket: 'failed' }));
  expect(Contents).toHaveLength(1);
  const Key = Contents[0]?.Key ?? '';
  const object = await clients.s3.send(new GetObjectCommand({ Bucket: 'failed', Key }));
  const document = JSON.parse((await object.Body?.transformToString()) ?? '');
  expect(document).toMatchObject(exhausted);
  expect(atob(JSON.parse(document.payload).Records[0].kinesis.data)).toBe('bad');
});
