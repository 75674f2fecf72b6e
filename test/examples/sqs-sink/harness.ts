import { buildApp } from 'fauxqs';
import { startFaultyNetwork } from '../../contracts/faulty-network.ts';
import { openSinkWith } from '../../contracts/sink-harnesses.ts';
import type { SinkHarness } from '../../contracts/sinks.ts';
import { useEndpoint } from '../../contracts/source-harnesses.ts';
import { sqsDefinition, sqsSink } from './sqs.ts';

/** Gives each test a server of its own, with an empty queue. */
export const sqsHarness: SinkHarness = {
  keepsProgress: false,
  async open() {
    const server = buildApp({ logger: false });
    const endpoint = await server.listen({ port: 0, host: '127.0.0.1' });
    const network = await startFaultyNetwork(Number(new URL(endpoint).port));
    const closeEnvironment = useEndpoint(`http://127.0.0.1:${network.port}`);
    const name = 'numbers.fifo';
    const { options } = sqsSink({ queue: `arn:aws:sqs:eu-central-1:000000000000:${name}` });
    const messages = async (): Promise<readonly string[]> => {
      const { statusCode, body } = await server.inject({ method: 'GET', url: `/_fauxqs/queues/${name}` });
      if (statusCode === 404) return [];
      const { ready = [] } = (JSON.parse(body) as { messages: { ready?: { body: string }[] } }).messages;
      return ready.map((message) => message.body);
    };
    return {
      step: 'pipeline/step',
      sink: () => openSinkWith(sqsDefinition, { options, resources: { create: true } }),
      good: (n) => ({ n }),
      // A character that JSON allows in a text, and SQS does not.
      bad: (n) => ({ n, note: '\uFFFF' }),
      landed: async () => [(await messages()).map((body) => JSON.parse(body).data.n)],
      contents: messages,
      cut: (when) => network.cut(when, { text: 'AmazonSQS.SendMessageBatch', nth: 2 }),
      heal: network.heal,
      async close() {
        closeEnvironment();
        await network.stop();
        await server.close();
      },
    };
  },
};
