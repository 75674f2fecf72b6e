import {
  CreateQueueCommand,
  GetQueueAttributesCommand,
  SendMessageBatchCommand,
  SendMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import type { SQSEvent } from 'aws-lambda';
import { type FauxqsServer, startFauxqs } from 'fauxqs';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { systemClock } from '../../../infra/emulator/clock.ts';
import type { InvokeResult } from '../../../infra/emulator/invoke.ts';
import {
  type QueueMapping,
  type QueueMappingRequest,
  startQueueMapping,
} from '../../../infra/emulator/queue-mapping.ts';
import type { TraceEntry } from '../../../infra/emulator/trace.ts';
import { eventually } from '../../eventually.ts';
import { seededRandom } from './mapping/seeded-random.ts';

let server: FauxqsServer;
let sqs: SQSClient;
let queueUrl: string;
let queueArn: string;
let mapping: QueueMapping | undefined;
let queues = 0;
let events: SQSEvent[];
let trace: TraceEntry[];

beforeAll(async () => {
  server = await startFauxqs({ port: 0, logger: false });
  const credentials = { accessKeyId: 'local', secretAccessKey: 'local' };
  sqs = new SQSClient({ endpoint: `http://127.0.0.1:${server.port}`, region: 'us-east-1', credentials });
});

afterAll(async () => {
  sqs.destroy();
  await server.stop();
});

beforeEach(async () => {
  events = [];
  trace = [];
  const created = await sqs.send(
    new CreateQueueCommand({ QueueName: `files-${++queues}`, Attributes: { VisibilityTimeout: '1' } }),
  );
  queueUrl = created.QueueUrl ?? '';
  const { Attributes } = await sqs.send(
    new GetQueueAttributesCommand({ QueueUrl: queueUrl, AttributeNames: ['QueueArn'] }),
  );
  queueArn = Attributes?.QueueArn ?? '';
});

afterEach(async () => {
  await mapping?.stop();
  mapping = undefined;
});

const done: InvokeResult = { outcome: 'returned', payload: 'null' };
const failure: InvokeResult = { outcome: 'error', functionError: 'Unhandled', errorType: 'Error', message: 'no' };

type Handler = (event: SQSEvent, number: number) => InvokeResult | Promise<InvokeResult>;

function start(handler: Handler, changes: Partial<QueueMappingRequest> = {}): void {
  mapping = startQueueMapping({
    configuration: { EventSourceArn: queueArn, FunctionName: 'files', ...changes },
    sqs,
    clock: systemClock(),
    random: seededRandom(1),
    waitSeconds: 0,
    trace: (entry) => trace.push(entry),
    async invoke({ payload }) {
      const event = JSON.parse(payload) as SQSEvent;
      events.push(event);
      return await handler(event, events.length);
    },
  });
}

async function send(...bodies: string[]): Promise<void> {
  const Entries = bodies.map((MessageBody, index) => ({ Id: String(index), MessageBody }));
  await sqs.send(new SendMessageBatchCommand({ QueueUrl: queueUrl, Entries }));
}

const bodies = () =>
  events.map(({ Records }) =>
    Records.map(({ body }) => body)
      .sort()
      .join(''),
  );
const deleted = () => trace.reduce((sum, entry) => sum + (entry.did === 'queue-batch' ? entry.deleted : 0), 0);

async function isEmpty(): Promise<void> {
  const names = ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible'] as const;
  const { Attributes } = await sqs.send(
    new GetQueueAttributesCommand({ QueueUrl: queueUrl, AttributeNames: [...names] }),
  );
  expect(names.map((name) => Attributes?.[name])).toEqual(['0', '0']);
}

test('messages that the function has processed are deleted', async () => {
  await send('a', 'b', 'c');
  start(() => done);
  await eventually(() => expect(deleted()).toBe(3));
  await isEmpty();
});

test('an event has the form that Lambda gives it', async () => {
  const MessageAttributes = { kind: { DataType: 'String', StringValue: 'csv' } };
  await sqs.send(new SendMessageCommand({ QueueUrl: queueUrl, MessageBody: 'a', MessageAttributes }));
  start(() => done);
  await eventually(() => expect(deleted()).toBe(1));
  expect(events[0]?.Records[0]).toEqual({
    messageId: expect.stringMatching(/^[0-9a-f-]{36}$/),
    receiptHandle: expect.any(String),
    body: 'a',
    attributes: expect.objectContaining({
      ApproximateReceiveCount: '1',
      SentTimestamp: expect.stringMatching(/^\d+$/),
    }),
    messageAttributes: {
      kind: { stringValue: 'csv', stringListValues: [], binaryListValues: [], dataType: 'String' },
    },
    md5OfBody: '0cc175b9c0f1b6a831c399e269772661',
    eventSource: 'aws:sqs',
    eventSourceARN: queueArn,
    awsRegion: 'us-east-1',
  });
});

test('a batch has at most BatchSize messages', async () => {
  await send('a', 'b', 'c', 'd', 'e');
  start(() => done, { BatchSize: 2 });
  await eventually(() => expect(deleted()).toBe(5));
  expect(events.every(({ Records }) => Records.length <= 2)).toBe(true);
});

test.each([
  ['an error', failure, /^Error: no$/],
  ['throttling', { outcome: 'throttled' } as const, /^throttled$/],
  ['a service error', { outcome: 'service-error' } as const, /^service-error$/],
])('after %s the whole batch is delivered again when its visibility time-out is over', async (_, result, why) => {
  await send('a', 'b');
  start((__, number) => (number === 1 ? result : done));
  await eventually(() => expect(deleted()).toBe(2));
  expect(bodies()[0]).toBe('ab');
  expect(trace.find(({ did }) => did === 'queue-batch')).toMatchObject({ deleted: 0, why: expect.stringMatching(why) });
  expect(bodies().slice(1).join('').split('').sort().join('')).toBe('ab');
});

test('with ReportBatchItemFailures only the reported messages are delivered again', async () => {
  await send('a', 'b', 'c');
  const report = ({ Records }: SQSEvent) => {
    const failed = Records.filter(({ body }) => body === 'b').map(({ messageId }) => ({ itemIdentifier: messageId }));
    return { outcome: 'returned', payload: JSON.stringify({ batchItemFailures: failed }) } as const;
  };
  start((event, number) => (number === 1 ? report(event) : done), {
    FunctionResponseTypes: ['ReportBatchItemFailures'],
  });
  await eventually(() => expect(deleted()).toBe(3));
  expect(bodies()).toEqual(['abc', 'b']);
  await isEmpty();
});

test.each([
  ['an identifier of another message', '{"batchItemFailures":[{"itemIdentifier":"x"}]}'],
  ['an empty identifier', '{"batchItemFailures":[{"itemIdentifier":""}]}'],
  ['a misspelt identifier', '{"batchItemFailures":[{"id":"x"}]}'],
  ['no object', '"done"'],
])('an answer with %s fails the whole batch', async (_, payload) => {
  await send('a');
  start((__, number) => (number === 1 ? { outcome: 'returned', payload } : done), {
    FunctionResponseTypes: ['ReportBatchItemFailures'],
  });
  await eventually(() => expect(deleted()).toBe(1));
  expect(bodies()).toEqual(['a', 'a']);
});

test('MaximumConcurrency limits the invocations at a time', async () => {
  let underWay = 0;
  let most = 0;
  const { promise: three, resolve } = Promise.withResolvers<void>();
  await send(...'abcdefgh');
  start(
    async () => {
      most = Math.max(most, ++underWay);
      if (underWay === 3) resolve();
      await three;
      underWay--;
      return done;
    },
    { BatchSize: 1, ScalingConfig: { MaximumConcurrency: 3 } },
  );
  await eventually(() => expect(deleted()).toBe(8));
  expect(most).toBe(3);
});

test('stopping waits for the invocation under way and deletes its messages', async () => {
  await send('a');
  let ended = false;
  start(async () => {
    await systemClock().sleep(200);
    ended = true;
    return done;
  });
  await eventually(() => expect(events).toHaveLength(1));
  await mapping?.stop();
  expect([ended, deleted()]).toEqual([true, 1]);
  await send('b');
  expect(events).toHaveLength(1);
});

test('a failed poll is retried', async () => {
  const working = sqs;
  let faults = 2;
  await send('a');
  mapping = startQueueMapping({
    configuration: { EventSourceArn: queueArn, FunctionName: 'files' },
    clock: { now: () => 0, sleep: () => systemClock().sleep(1) },
    random: seededRandom(1),
    waitSeconds: 0,
    trace: (entry) => trace.push(entry),
    invoke: async () => done,
    sqs: {
      send: (async (command: never) => {
        if (faults-- > 0) throw Object.assign(new Error('reset'), { code: 'ECONNRESET' });
        return await working.send(command);
      }) as SQSClient['send'],
    },
  });
  await eventually(() => expect(deleted()).toBe(1));
  expect(trace.filter(({ did }) => did === 'queue-poll-failed')).toHaveLength(2);
});

test.each<[string, object, RegExp]>([
  ['a FIFO queue', { EventSourceArn: 'arn:aws:sqs:us-east-1:000000000000:files.fifo' }, /FIFO queues are not emulated/],
  ['a batch of 11', { BatchSize: 11 }, /BatchSize/],
  ['a concurrency of 1', { ScalingConfig: { MaximumConcurrency: 1 } }, /MaximumConcurrency/],
  ['what a queue does not have', { StartingPosition: 'LATEST' }, /StartingPosition/],
])('%s is an InvalidParameterValueException', (_, changes, message) => {
  const refused = () => start(() => done, changes);
  expect(refused).toThrow(message);
  expect(refused).toThrow(expect.objectContaining({ name: 'InvalidParameterValueException' }));
});
