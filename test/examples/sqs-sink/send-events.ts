import { createHash } from 'node:crypto';
import { SendMessageBatchCommand, type SQSClient } from '@aws-sdk/client-sqs';
import type { ReceivedEvent } from '../../../functions/runtime/event.ts';
import { type Rejection, rejectionOf } from '../../../functions/runtime/rejection.ts';
import type { Slice } from '../../../functions/runtime/sink.ts';

export interface Sending {
  readonly client: Pick<SQSClient, 'send'>;
  readonly step: string;
  readonly queueUrl: string;
}

/**
 * Sends the events of a slice in order. Resolves, to those that cannot be messages, once SQS has all others. Throws
 * when a request fails or the signal aborts.
 */
export async function sendEvents(slice: Slice, sending: Sending): Promise<readonly Rejection[]> {
  const rejections: Rejection[] = [];
  for await (const page of slice.pages) {
    const events: ReceivedEvent[] = [];
    for (const event of page) {
      const message = whyNoMessage(event);
      if (message === undefined) events.push(event);
      else rejections.push(rejectionOf(event, { reason: 'refused', message }));
    }
    for (const batch of batchesOf(events)) {
      slice.signal.throwIfAborted();
      await sendBatch(batch, slice, sending);
    }
  }
  return rejections;
}

/** The limits of a message, and of a batch (API reference, `SendMessageBatch`). */
const MOST_BYTES = 1_048_576;
const MOST_MESSAGES = 10;
const NOT_ALLOWED = /[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/u;

function whyNoMessage({ bytes }: ReceivedEvent): string | undefined {
  if (bytes.length > MOST_BYTES) return `the event has ${bytes.length} bytes, and SQS allows ${MOST_BYTES}`;
  const [found] = NOT_ALLOWED.exec(textOf(bytes)) ?? [];
  if (found === undefined) return undefined;
  return `the event has the character U+${found.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}, which SQS does not allow`;
}

/**
 * Divides events into batches, in order. A batch has one event of each key: SQS may refuse one message of a batch and
 * take the others, and then no later message of the same key may be in the queue already.
 */
function* batchesOf(events: readonly ReceivedEvent[]): Iterable<readonly ReceivedEvent[]> {
  let batch: ReceivedEvent[] = [];
  let bytes = 0;
  for (const event of events) {
    const fits = batch.length < MOST_MESSAGES && bytes + event.bytes.length <= MOST_BYTES;
    if (!fits || batch.some(({ key }) => key === event.key)) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(event);
    bytes += event.bytes.length;
  }
  if (batch.length > 0) yield batch;
}

async function sendBatch(batch: readonly ReceivedEvent[], slice: Slice, sending: Sending): Promise<void> {
  const { client, step, queueUrl } = sending;
  const command = new SendMessageBatchCommand({
    QueueUrl: queueUrl,
    Entries: batch.map((event, index) => ({
      Id: String(index),
      MessageBody: textOf(event.bytes),
      // A key may have characters and a length that these ids must not have.
      MessageGroupId: hashOf(event.key),
      // The same whenever this event is sent, whatever the bounds of the slice.
      MessageDeduplicationId: hashOf(`${step}\n${slice.shard}\n${event.position}`),
    })),
  });
  const { Failed = [] } = await client.send(command, { abortSignal: slice.signal });
  const [first] = Failed;
  if (first !== undefined)
    throw new Error(`SQS refused ${Failed.length} of ${batch.length} messages (${first.Code}: ${first.Message})`);
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8');
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
