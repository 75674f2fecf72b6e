import {
  DeleteMessageBatchCommand,
  GetQueueUrlCommand,
  type Message,
  ReceiveMessageCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import { z } from 'zod';
import { clientFault } from './client-faults.ts';
import type { Clock } from './clock.ts';
import { type Invoke, type InvokeResult, invoked } from './invoke.ts';
import { LambdaError } from './lambda-error.ts';
import { randomUuid } from './random-uuid.ts';
import type { Trace } from './trace.ts';

const queueArnPattern = /^arn:(aws[a-zA-Z-]*):sqs:([a-z0-9-]+):(\d{12}):([a-zA-Z0-9_-]{1,80})$/;

/** What CreateEventSourceMapping takes for a standard queue, as far as it is emulated. */
const requestSchema = z.strictObject({
  EventSourceArn: z.string().regex(queueArnPattern, 'a standard queue: FIFO queues are not supported here'),
  FunctionName: z.string().min(1),
  /** One call of SQS gives 10 at most, so more would need a batching window. */
  BatchSize: z.int().min(1).max(10).default(10),
  FunctionResponseTypes: z.array(z.literal('ReportBatchItemFailures')).max(1).default([]),
  ScalingConfig: z.strictObject({ MaximumConcurrency: z.int().min(2).max(1_000) }).default({ MaximumConcurrency: 2 }),
});

export type QueueMappingRequest = z.input<typeof requestSchema>;

export interface QueueMappingOptions {
  readonly configuration: QueueMappingRequest;
  readonly sqs: Pick<SQSClient, 'send'>;
  readonly invoke: Invoke;
  readonly clock: Clock;
  readonly trace: Trace;
  readonly random: () => number;
  /** How long SQS holds a poll that finds nothing: 20 s without it, which is Lambda's. */
  readonly waitSeconds?: number;
}

export interface QueueMapping {
  /** Resolves when no invocation is under way. */
  stop(): Promise<void>;
}

/**
 * Lambda's event source mapping from an SQS queue to a function. Messages that the function has done are deleted; the
 * others are left to the queue, which shows them again when their visibility time-out is over and moves them to its
 * dead-letter queue in the end.
 */
export function startQueueMapping(options: QueueMappingOptions): QueueMapping {
  const configuration = parse(options.configuration);
  const stopping = new AbortController();
  const concurrency = configuration.ScalingConfig.MaximumConcurrency;
  const pollers = Array.from({ length: concurrency }, () =>
    poll({ ...options, configuration, signal: stopping.signal }),
  );
  return {
    async stop() {
      stopping.abort(new Error('the queue mapping was stopped'));
      await Promise.all(pollers);
    },
  };
}

type Configuration = z.output<typeof requestSchema>;

interface Poller extends QueueMappingOptions {
  readonly configuration: Configuration;
  readonly signal: AbortSignal;
}

/** A poller takes a batch and invokes, one after the other, until it is stopped. */
async function poll(poller: Poller): Promise<void> {
  const { clock, configuration, random, signal, sqs, trace, waitSeconds: WaitTimeSeconds = 20 } = poller;
  const queueArn = configuration.EventSourceArn;
  const [, , , AccountId, QueueName] = queueArnPattern.exec(queueArn) ?? [];
  let QueueUrl: string | undefined;
  let faults = 0;
  while (!signal.aborted) {
    try {
      QueueUrl ??= (await sqs.send(new GetQueueUrlCommand({ QueueName, QueueOwnerAWSAccountId: AccountId }))).QueueUrl;
      const received = await sqs.send(
        new ReceiveMessageCommand({
          QueueUrl,
          WaitTimeSeconds,
          MaxNumberOfMessages: configuration.BatchSize,
          MessageSystemAttributeNames: ['All'],
          MessageAttributeNames: ['All'],
        }),
        { abortSignal: signal },
      );
      faults = 0;
      const messages = received.Messages ?? [];
      if (messages.length > 0) await deliver(poller, { QueueUrl, messages });
      else if (WaitTimeSeconds === 0) await clock.sleep(idleMillis, signal);
    } catch (error) {
      if (signal.aborted) return;
      const fault = clientFault(error);
      if (fault === undefined) throw error;
      const afterMillis = Math.min(60_000, 1_000 * 2 ** Math.min(faults++, 10)) * (0.5 + random() / 2);
      trace({ did: 'queue-poll-failed', queueArn, error: fault, afterMillis });
      await clock.sleep(afterMillis, signal).catch(() => undefined);
    }
  }
}

/** Between two polls that do not wait in the queue. */
const idleMillis = 100;

interface Batch {
  readonly QueueUrl: string | undefined;
  readonly messages: readonly Message[];
}

async function deliver(
  { configuration, invoke, random, sqs, trace }: Poller,
  { QueueUrl, messages }: Batch,
): Promise<void> {
  const { EventSourceArn: queueArn, FunctionName: functionArn, FunctionResponseTypes } = configuration;
  const payload = JSON.stringify({ Records: messages.map((message) => sqsRecord(message, queueArn)) });
  const result = await invoked(invoke, { functionArn, requestId: randomUuid(random), payload, attempt: 1 });
  const { done, why } = doneOf(result, messages, FunctionResponseTypes.length > 0);
  const Entries = done.map(({ ReceiptHandle }, index) => ({ Id: String(index), ReceiptHandle }));
  if (Entries.length > 0) await sqs.send(new DeleteMessageBatchCommand({ QueueUrl, Entries }));
  trace({
    did: 'queue-batch',
    queueArn,
    messages: messages.length,
    deleted: done.length,
    ...(why === undefined ? {} : { why }),
  });
}

/** An event of Lambda for SQS carries a message so. */
function sqsRecord(message: Message, queueArn: string) {
  return {
    messageId: message.MessageId,
    receiptHandle: message.ReceiptHandle,
    body: message.Body,
    attributes: message.Attributes ?? {},
    messageAttributes: Object.fromEntries(
      Object.entries(message.MessageAttributes ?? {}).map(([name, { StringValue, BinaryValue, DataType }]) => [
        name,
        {
          ...(StringValue === undefined ? {} : { stringValue: StringValue }),
          ...(BinaryValue === undefined ? {} : { binaryValue: Buffer.from(BinaryValue).toString('base64') }),
          stringListValues: [],
          binaryListValues: [],
          dataType: DataType,
        },
      ]),
    ),
    md5OfBody: message.MD5OfBody,
    eventSource: 'aws:sqs',
    eventSourceARN: queueArn,
    awsRegion: queueArn.split(':')[3],
  };
}

interface Done {
  readonly done: readonly Message[];
  readonly why?: string;
}

function doneOf(result: InvokeResult, messages: readonly Message[], isReporting: boolean): Done {
  if (result.outcome === 'error') return { done: [], why: `${result.errorType}: ${result.message}` };
  if (result.outcome !== 'returned') return { done: [], why: result.outcome };
  if (!isReporting) return { done: messages };
  const answer = answerSchema.safeParse(parseJson(result.payload));
  if (!answer.success)
    return { done: [], why: `the answer is no list of batchItemFailures: ${result.payload.slice(0, 80)}` };
  const failed = new Set(answer.data?.batchItemFailures?.map(({ itemIdentifier }) => itemIdentifier));
  const stranger = [...failed].find((identifier) => !messages.some(({ MessageId }) => MessageId === identifier));
  if (stranger !== undefined) return { done: [], why: `itemIdentifier ${stranger} is no message of the batch` };
  const done = messages.filter(({ MessageId = '' }) => !failed.has(MessageId));
  return failed.size === 0 ? { done } : { done, why: `the function reported ${failed.size} failed` };
}

/** What is not this fails the whole batch, as an item without a good identifier does. */
const answerSchema = z
  .object({ batchItemFailures: z.array(z.object({ itemIdentifier: z.string().min(1) })).nullish() })
  .nullish();

function parseJson(payload: string): unknown {
  if (payload === '' || payload === '""' || payload === '[]') return undefined;
  try {
    return JSON.parse(payload);
  } catch {
    return payload;
  }
}

function parse(input: unknown): Configuration {
  const parsed = requestSchema.safeParse(input);
  if (parsed.success) return parsed.data;
  throw new LambdaError('InvalidParameterValueException', z.prettifyError(parsed.error));
}
