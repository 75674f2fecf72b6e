import { createServer } from 'node:http';
import { buildApp } from 'fauxqs';
import { closed, listen, portOf } from './listening.ts';
import { openS3 } from './s3/s3.ts';
import { refusingWebPages } from './web-pages.ts';

/** S3 and SQS on one port of 127.0.0.1. */
export interface StorageServer {
  readonly endpoint: string;
  createBucket(name: string): void;
  createQueue(name: string): Promise<void>;
  /** Counts a queue's messages, also those that a consumer is working on. */
  messagesIn(queue: string): Promise<number>;
  stop(): Promise<void>;
}

/**
 * Starts the server. Any free port when none is given. S3 is our own: fauxqs keeps a request in memory up to 11 MiB,
 * and its listings sort keys in one order and continue in another, so pages overlap. SQS is fauxqs, behind our port:
 * its own would be open to the network.
 */
export async function startStorage({ port = 0, region }: { port?: number; region: string }): Promise<StorageServer> {
  const s3 = openS3();
  const sqs = buildApp({ logger: false, defaultRegion: region });
  await sqs.ready();
  const server = createServer(
    refusingWebPages((request, response) => {
      // The requests of SQS are posted to the root, where S3 has none.
      if (request.method === 'POST' && request.url === '/') sqs.routing(request, response);
      else void s3.answer(request, response);
    }),
  );
  // Longer than clients keep an idle connection: closing one at the moment of a request would lose the request.
  server.keepAliveTimeout = 60_000;
  await listen(server, port);
  const endpoint = `http://127.0.0.1:${portOf(server)}`;
  return {
    endpoint,
    createBucket: (name) => s3.createBucket(name),
    async createQueue(QueueName) {
      const { statusCode, body } = await sqs.inject({
        method: 'POST',
        url: '/',
        headers: { 'content-type': 'application/x-amz-json-1.0', 'x-amz-target': 'AmazonSQS.CreateQueue' },
        payload: JSON.stringify({ QueueName }),
      });
      if (statusCode !== 200) throw new Error(`queue ${QueueName} was not created: ${body}`);
    },
    async messagesIn(queue) {
      const answer = await sqs.inject({ method: 'GET', url: `/_fauxqs/queues/${queue}` });
      if (answer.statusCode !== 200) throw new Error(`cannot look into the queue ${queue}: ${answer.body}`);
      const { messages } = answer.json<{ readonly messages: Readonly<Record<string, readonly unknown[]>> }>();
      return Object.values(messages).reduce((sum, some) => sum + some.length, 0);
    },
    async stop() {
      await sqs.close();
      await closed(server);
      s3.close();
    },
  };
}
