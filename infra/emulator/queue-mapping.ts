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
import { type Invoke, type InvokeResult, invokeSafely } from './invoke.ts';
import { LambdaError } from './lambda-error.ts';
import { randomUuid } from './random-uuid.ts';
import type { Trace } from './trace.ts';

const queueArnPattern = /^arn:(aws[a-zA-Z-]*):sqs:([a-z0-9-]+):(\d{12}):([a-zA-Z0-9_-]{1,80})$/;

/** The parameters of CreateEventSourceMapping for a standard queue that are emulated. Others are refused. */
const requestSchema = z.strictObject({
  EventSourceArn: z.string().regex(queueArnPattern, 'is not the ARN of a standard queue: FIFO queues are not emulated'),
  FunctionName: z.string().min(1),
  /** One ReceiveMessage call returns at most 10 messages, so a larger batch would need a batching window. */
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
  /** How long SQS waits for messages before it answers a poll: 20 s by default. */
  readonly waitSeconds?: number;
}

export interface QueueMapping {
  /** Resolves when no invocation is under way. */
  stop(): Promise<void>;
}

/**
 * Starts Lambda's event source mapping from an SQS queue to a function.
 *
 * *Behaviour.* Long-polls the queue and calls the function with each batch. Messages that the function has processed
 * are deleted. All others stay in the queue: it shows them again when their visibility time-out is over, and moves them
 * to its dead-letter queue after `maxReceiveCount` receives. With ReportBatchItemFailures, the reported messages fail
 * alone. An answer that is no such report, or names a message that is not in the batch, fails the whole batch. A
 * throttled call deletes nothing. (developer guide, "Using Lambda with Amazon SQS": error handling, partial batch
 * responses)
 *
 * *Differences from AWS.*
 * - MaximumConcurrency pollers run from the start, 2 by default, and each calls the function itself. Lambda starts with
 *   five concurrent batches and scales up to its limit, or down when the function fails.
 * - BatchSize is at most 10; there is no batching window, so a batch is what one poll returned.
 * - FIFO queues, filters and provisioned pollers are refused.
 * - A poll that fails is retried after 1 s, doubling up to 60 s. AWS does not say how Lambda does it.
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

/** Receives a batch and calls the function, over and over until stopped. */
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

/** The pause between two polls when SQS does not wait for messages. */
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
  const result = await invokeSafely(invoke, { functionArn, requestId: randomUuid(random), payload, attempt: 1 });
  const { done, why } = processedBy(result, messages, FunctionResponseTypes.length > 0);
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

/** Writes a message as Lambda's events for SQS carry it. */
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

interface Processed {
  /** The messages to delete. */
  readonly done: readonly Message[];
  /** The reason why the others are redelivered. */
  readonly why?: string;
}

function processedBy(result: InvokeResult, messages: readonly Message[], isReporting: boolean): Processed {
  if (result.outcome === 'error') return { done: [], why: `${result.errorType}: ${result.message}` };
  if (result.outcome !== 'returned') return { done: [], why: result.outcome };
  if (!isReporting) return { done: messages };
  const answer = answerSchema.safeParse(parseJson(result.payload));
  if (!answer.success)
    return { done: [], why: `the answer has no valid batchItemFailures: ${result.payload.slice(0, 80)}` };
  const failed = new Set(answer.data?.batchItemFailures?.map(({ itemIdentifier }) => itemIdentifier));
  const unknown = [...failed].find((identifier) => !messages.some(({ MessageId }) => MessageId === identifier));
  if (unknown !== undefined) return { done: [], why: `itemIdentifier ${unknown} is not a message of the batch` };
  const done = messages.filter(({ MessageId = '' }) => !failed.has(MessageId));
  return failed.size === 0 ? { done } : { done, why: `the function reported ${failed.size} failed` };
}

/** A report of failures. Any other answer fails the whole batch. */
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
