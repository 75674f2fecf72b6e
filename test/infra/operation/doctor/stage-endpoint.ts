import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { KinesisClient } from '@aws-sdk/client-kinesis';
import { LambdaClient } from '@aws-sdk/client-lambda';
import { S3Client } from '@aws-sdk/client-s3';
import { CreateQueueCommand, SQSClient } from '@aws-sdk/client-sqs';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { VISIBILITY_SECONDS } from '../../../../infra/delivery.ts';
import { systemClock } from '../../../../infra/emulator/clock.ts';
import { createLog, type Log } from '../../../../infra/emulator/log/log.ts';
import { startLogServer } from '../../../../infra/emulator/log/server.ts';
import { startDynamodb } from '../../../../infra/local/servers/dynamodb-server.ts';
import { closed, listen, portOf } from '../../../../infra/local/servers/listening.ts';
import { startStorage } from '../../../../infra/local/servers/storage-server.ts';
import { createCheckpointTable, createStream } from '../../../../infra/local/stage.ts';
import { ACCOUNT, REGION } from '../../../../infra/local/target.ts';
import { type Names, namesOf } from '../../../../infra/names.ts';
import type { Target } from '../../../../infra/operation/target.ts';
import type { PipelinePlan, SourcePlan } from '../../../../infra/pipelines/plan.ts';
import { type Answer, lambdaAnswers } from './lambda-answers.ts';

/** A deployed stage at one URL, as an emulator of AWS has it. */
export interface StageEndpoint {
  readonly url: string;
  readonly names: Names;
  readonly log: Log;
  readonly clients: Target['clients'];
  readonly lambda: LambdaClient;
  /**
   * Answers by `GET /path?query` or by the operation of a JSON service. Lambda's are those of a stage as it is
   * deployed. Change them to break the stage.
   */
  readonly answers: Map<string, Answer>;
}

/** Starts a stage's tables, streams, buckets and queues on the embedded servers, and answers for Lambda. */
export async function startStageEndpoint(
  stage: string,
  plans: readonly PipelinePlan[],
  running: AsyncDisposableStack,
): Promise<StageEndpoint> {
  const names = namesOf({ stage, account: ACCOUNT, region: REGION, partition: 'aws' });
  const log = createLog({
    clock: systemClock(),
    seed: 1,
    limits: 'off',
    accountId: ACCOUNT,
    region: REGION,
    transitionMillis: 0,
  });
  const kinesis = await startLogServer(log, { port: 0, host: '127.0.0.1' });
  running.defer(() => kinesis.close());
  const dynamodb = await startDynamodb();
  running.defer(() => dynamodb.stop());
  const storage = await startStorage({ region: REGION });
  running.defer(() => storage.stop());
  const answers = new Map<string, Answer>(lambdaAnswers(plans, names));
  for (const bucket of [names.deadLetters, names.landing]) answers.set(`GET /${bucket}?notification`, ANNOUNCED);
  for (const bucket of [names.deadLetters, names.landing, names.lake]) storage.createBucket(bucket);

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname: path, searchParams } = new URL(request.url ?? '/', 'http://stage');
    const pathname = path.replace(/(.)\/$/, '$1');
    searchParams.delete('x-id');
    const query = searchParams.toString().replace(/=$/, '');
    const [service = '', operation = ''] = String(request.headers['x-amz-target'] ?? '').split('.');
    const given =
      answers.get(operation) ?? answers.get(`${request.method} ${pathname}${query === '' ? '' : `?${query}`}`);
    if (given !== undefined) return reply(response, given);
    if (/^\/20\d\d-\d\d-\d\d\//.test(pathname)) return reply(response, NO_FUNCTION);
    const to = service.startsWith('Kinesis')
      ? kinesis.endpoint
      : service.startsWith('DynamoDB')
        ? dynamodb.endpoint
        : storage.endpoint;
    await passOn(request, response, to);
  }

  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => response.writeHead(500).end(String(error)));
  });
  await listen(server, 0);
  running.defer(() => closed(server));
  const url = `http://127.0.0.1:${portOf(server)}`;
  const common = {
    endpoint: url,
    region: REGION,
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    requestHandler: new NodeHttpHandler(),
    maxAttempts: 1,
  };
  const clients = {
    kinesis: new KinesisClient(common),
    dynamodb: new DynamoDBClient(common),
    s3: new S3Client({ ...common, forcePathStyle: true }),
    sqs: new SQSClient({ ...common, useQueueUrlAsEndpoint: false }),
  };
  await createCheckpointTable(clients.dynamodb, names.checkpoints);
  for (const stream of plans.flatMap(({ streams }) => streams)) createStream({ log }, names, stream);
  for (const step of plans.flatMap(({ steps }) => steps))
    if (step.delivery === 'queue') await createQueues(clients.sqs, names, step as SourcePlan);
  return { url, names, log, clients, lambda: new LambdaClient(common), answers };
}

const ANNOUNCED: Answer = {
  status: 200,
  type: 'application/xml',
  body: '<NotificationConfiguration><EventBridgeConfiguration/></NotificationConfiguration>',
};

const NO_FUNCTION: Answer = { status: 404, error: 'ResourceNotFoundException', body: { Message: 'no such function' } };

function reply(response: ServerResponse, { status, type = 'application/json', error, body }: Answer): void {
  response.writeHead(status, { 'content-type': type, ...(error === undefined ? {} : { 'x-amzn-errortype': error }) });
  response.end(typeof body === 'string' ? body : JSON.stringify(body));
}

async function passOn(request: IncomingMessage, response: ServerResponse, to: string): Promise<void> {
  const skipped = ['host', 'connection', 'content-length', 'expect'];
  const headers = Object.entries(request.headers).filter(([name]) => !skipped.includes(name));
  const body = await buffer(request);
  const answered = await fetch(`${to}${request.url}`, {
    method: request.method ?? 'GET',
    headers: headers.map(([name, value]): [string, string] => [name, String(value)]),
    ...(body.length > 0 ? { body: new Uint8Array(body) } : {}),
  });
  const bytes = Buffer.from(await answered.arrayBuffer());
  response.writeHead(answered.status, Object.fromEntries(answered.headers)).end(bytes);
}

async function createQueues(sqs: SQSClient, names: Names, { pipeline, name }: SourcePlan): Promise<void> {
  const failed = names.failedItems(pipeline, name);
  await sqs.send(new CreateQueueCommand({ QueueName: failed }));
  await sqs.send(
    new CreateQueueCommand({
      QueueName: names.step(pipeline, name),
      Attributes: {
        VisibilityTimeout: String(VISIBILITY_SECONDS),
        RedrivePolicy: JSON.stringify({ deadLetterTargetArn: names.arnOf('sqs', failed), maxReceiveCount: 10 }),
      },
    }),
  );
}
