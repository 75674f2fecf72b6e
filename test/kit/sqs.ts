import { createHash } from 'node:crypto';
import type {
  ChangeMessageVisibilityCommandInput,
  DeleteMessageBatchCommandInput,
  DeleteMessageCommandInput,
  GetQueueUrlCommandInput,
  Message,
  ReceiveMessageCommandInput,
  SendMessageCommandInput,
} from '@aws-sdk/client-sqs';
import type { Clock } from '../../infra/emulator/clock.ts';
import { randomUuid } from '../../infra/emulator/random-uuid.ts';
import { clientError } from './sdk-errors.ts';
import { type Service, serviceOf } from './service.ts';

export interface QueueSettings {
  readonly visibilityTimeoutSeconds: number;
  /** The queue that gets a message after `maxReceiveCount` receives. */
  readonly redrive?: { readonly to: string; readonly maxReceiveCount: number };
}

/**
 * Standard queues in memory, on the run's clock. Delivery is at least once: some messages, by the seed, are delivered
 * twice.
 */
export interface Sqs extends Service {
  createQueue(name: string, settings: QueueSettings): void;
  urlOf(name: string): string;
  /** Returns the bodies of all messages: visible, in flight or delayed. */
  messages(name: string): readonly string[];
}

interface QueuedMessage {
  readonly id: string;
  readonly body: string;
  readonly sentMillis: number;
  visibleMillis: number;
  receives: number;
}

interface Queue extends QueueSettings {
  readonly messages: Map<string, QueuedMessage>;
  /** How often a message with this body was delivered twice. */
  readonly twice: Map<string, number>;
  /** Controllers of waiting polls. Abort them when a message may have become visible. */
  readonly waiting: Set<AbortController>;
}

/**
 * Limits the duplicates of a body. A step that sends on what is delivered twice would multiply it at this high
 * probability.
 */
const MOST_TWICE = 2;

const URL_START = 'https://sqs.us-east-1.amazonaws.com/000000000000/';

export function createSqs(world: {
  readonly clock: Clock;
  readonly random: () => number;
  /** The probability that a received message stays visible to another receiver. */
  readonly twiceProbability: number;
}): Sqs {
  const { clock, random, twiceProbability } = world;
  const queues = new Map<string, Queue>();

  function queueNamed(name = ''): Queue {
    const queue = queues.get(name);
    if (queue !== undefined) return queue;
    throw clientError('QueueDoesNotExist', 'The specified queue does not exist.');
  }
  const queueAt = (url = ''): Queue => queueNamed(url.slice(URL_START.length));

  function received(queue: Queue, message: QueuedMessage): Message {
    message.receives++;
    const times = queue.twice.get(message.body) ?? 0;
    if (times < MOST_TWICE && random() < twiceProbability) queue.twice.set(message.body, times + 1);
    else message.visibleMillis = clock.now() + queue.visibilityTimeoutSeconds * 1_000;
    return {
      MessageId: message.id,
      ReceiptHandle: `${message.id}/${message.receives}`,
      Body: message.body,
      MD5OfBody: createHash('md5').update(message.body).digest('hex'),
      Attributes: {
        ApproximateReceiveCount: String(message.receives),
        SentTimestamp: String(message.sentMillis),
      },
    };
  }

  /** Returns the visible messages, after it has moved those that were received too often. */
  function visible(queue: Queue): readonly QueuedMessage[] {
    const { messages, redrive } = queue;
    const found = [...messages.values()].filter(({ visibleMillis }) => visibleMillis <= clock.now());
    for (const message of found) {
      if (redrive === undefined || message.receives < redrive.maxReceiveCount) continue;
      messages.delete(message.id);
      queueNamed(redrive.to).messages.set(message.id, { ...message, receives: 0 });
    }
    return found.filter(({ id }) => messages.has(id));
  }

  async function nextChange(queue: Queue, untilMillis: number, signal: AbortSignal | undefined): Promise<void> {
    const due = [...queue.messages.values()].map(({ visibleMillis }) => visibleMillis);
    const change = new AbortController();
    queue.waiting.add(change);
    try {
      const waking = signal === undefined ? change.signal : AbortSignal.any([change.signal, signal]);
      await clock.sleep(Math.min(untilMillis, ...due) - clock.now(), waking).catch(() => undefined);
      signal?.throwIfAborted();
    } finally {
      queue.waiting.delete(change);
    }
  }

  function changed({ waiting }: Queue): void {
    for (const change of waiting) change.abort('a message may be visible');
  }

  const service = serviceOf('SQS', {
    GetQueueUrl({ QueueName }: GetQueueUrlCommandInput) {
      queueNamed(QueueName);
      return { QueueUrl: `${URL_START}${QueueName}` };
    },

    SendMessage({ QueueUrl, MessageBody = '', DelaySeconds = 0 }: SendMessageCommandInput) {
      const id = randomUuid(random);
      const sentMillis = clock.now();
      const visibleMillis = sentMillis + DelaySeconds * 1_000;
      const queue = queueAt(QueueUrl);
      queue.messages.set(id, { id, body: MessageBody, sentMillis, visibleMillis, receives: 0 });
      changed(queue);
      return { MessageId: id };
    },

    async ReceiveMessage(input: ReceiveMessageCommandInput, signal: AbortSignal | undefined) {
      const { MaxNumberOfMessages = 1, WaitTimeSeconds = 0 } = input;
      const queue = queueAt(input.QueueUrl);
      const untilMillis = clock.now() + WaitTimeSeconds * 1_000;
      for (;;) {
        const Messages = visible(queue)
          .slice(0, MaxNumberOfMessages)
          .map((message) => received(queue, message));
        if (Messages.length > 0) return { Messages };
        if (clock.now() >= untilMillis) return {};
        await nextChange(queue, untilMillis, signal);
      }
    },

    DeleteMessage({ QueueUrl, ReceiptHandle }: DeleteMessageCommandInput) {
      queueAt(QueueUrl).messages.delete(idOf(ReceiptHandle));
      return {};
    },

    DeleteMessageBatch({ QueueUrl, Entries = [] }: DeleteMessageBatchCommandInput) {
      for (const { ReceiptHandle } of Entries) queueAt(QueueUrl).messages.delete(idOf(ReceiptHandle));
      return { Successful: Entries.map(({ Id }) => ({ Id })), Failed: [] };
    },

    ChangeMessageVisibility(input: ChangeMessageVisibilityCommandInput) {
      const queue = queueAt(input.QueueUrl);
      const message = queue.messages.get(idOf(input.ReceiptHandle));
      if (message !== undefined) message.visibleMillis = clock.now() + (input.VisibilityTimeout ?? 0) * 1_000;
      changed(queue);
      return {};
    },
  });

  return {
    ...service,
    createQueue(name, settings) {
      queues.set(name, { ...settings, messages: new Map(), twice: new Map(), waiting: new Set() });
    },
    urlOf: (name) => `${URL_START}${name}`,
    messages: (name) => [...queueNamed(name).messages.values()].map(({ body }) => body),
  };
}

function idOf(receiptHandle = ''): string {
  return receiptHandle.slice(0, receiptHandle.lastIndexOf('/'));
}
