import { CreateQueueCommand, GetQueueAttributesCommand, GetQueueUrlCommand, SQSClient } from '@aws-sdk/client-sqs';
import { z } from 'zod';
import { httpHandler } from '../../../functions/runtime/aws/http.ts';
import { defineSink, type OpenSink, type Sink } from '../../../functions/runtime/sink.ts';
import { sinkHandler } from '../../../functions/runtime/sink-handler.ts';
import { parseOrExplain } from '../../../functions/runtime/step-config.ts';
import { sendEvents } from './send-events.ts';

const Options = z.strictObject({
  queue: z
    .string()
    .regex(/^arn:[a-z-]+:sqs:[a-z0-9-]+:\d{12}:[\w-]{1,75}\.fifo$/, 'is the ARN of a FIFO queue')
    .describe('The ARN of the FIFO queue to send to. On a laptop the sink creates a queue of this name.'),
});

const Resources = z.strictObject({
  /** True on a laptop, where nobody has created the queue. */
  create: z.boolean().default(false),
});

/**
 * Sends each event of a stream to a FIFO queue as one message, which is its CloudEvent. Messages of events with the
 * same key stay in order.
 *
 * SQS drops a message that it got in the last five minutes, so a slice that is delivered again by then changes nothing.
 * Later it adds its messages once more: each event is in the queue at least once. An event that cannot be a message
 * becomes a dead letter.
 */
export const sqsDefinition = defineSink({
  options: Options,
  resources: Resources,
  into: ({ queue }, place) => ({ queue: queue.replace(/\.fifo$/, `-${place}.fifo`) }),
  doubles: () => true,
  open({ step, options: { queue }, resources: { create } }): OpenSink {
    const client = clientFor(queue);
    let url: string | undefined;
    const queueUrl = async (signal: AbortSignal) => (url ??= await urlOf(client, { queue, create, signal }));
    return {
      async write(slice) {
        return sendEvents(slice, { client, step, queueUrl: await queueUrl(slice.signal) });
      },
      async isEmpty(signal) {
        const counts = ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible'] as const;
        const command = new GetQueueAttributesCommand({
          QueueUrl: await queueUrl(signal),
          AttributeNames: [...counts],
        });
        const { Attributes = {} } = await client.send(command, { abortSignal: signal });
        return counts.every((name) => Attributes[name] === '0');
      },
    };
  },
});

function clientFor(queue: string): SQSClient {
  return new SQSClient({
    region: queue.split(':')[3] as string,
    maxAttempts: 4,
    requestHandler: httpHandler({ requestMillis: 5_000 }),
    // Emulators return URLs of queues whose host does not resolve.
    useQueueUrlAsEndpoint: false,
  });
}

interface Queue {
  readonly queue: string;
  readonly create: boolean;
  readonly signal: AbortSignal;
}

async function urlOf(client: SQSClient, { queue, create, signal: abortSignal }: Queue): Promise<string> {
  const [account = '', QueueName = ''] = queue.split(':').slice(-2);
  const { QueueUrl } = create
    ? await client.send(new CreateQueueCommand({ QueueName, Attributes: { FifoQueue: 'true' } }), { abortSignal })
    : await client.send(new GetQueueUrlCommand({ QueueName, QueueOwnerAWSAccountId: account }), { abortSignal });
  if (QueueUrl === undefined) throw new Error(`SQS names no URL of the queue ${queue}`);
  return QueueUrl;
}

/**
 * Sends events to a FIFO queue: `sqsSink({ queue: 'arn:aws:sqs:eu-west-1:123456789012:orders.fifo' })`.
 * docs/connectors.md explains every option, in the words of `Options`.
 */
export function sqsSink(options: z.input<typeof Options>): Sink<unknown, 'either'> & { readonly connector: 'sqs' } {
  return {
    connector: 'sqs',
    entry: import.meta.url,
    options: parseOrExplain(Options, options, 'sqsSink'),
    delivery: 'either',
    // After five minutes the queue takes a message again: `millrace status` then says "at least once".
    deterministic: false,
  };
}

export const handler = sinkHandler(sqsDefinition);
