import { z } from 'zod';
import type { AwsResources, ConnectorStep, LaptopResources, Needs } from '../../../infra/needs.ts';

/** The option that the grants depend on. */
const Options = z.object({ queue: z.string() });

/** Grants the sink its queue, and the queues beside it that replays write to. */
export function sqsOnAws({ options }: ConnectorStep, _resources: AwsResources): Needs {
  const { queue } = Options.parse(options);
  return {
    resources: {},
    statements: [
      {
        why: 'sends events to the queue',
        actions: ['sqs:GetQueueUrl', 'sqs:GetQueueAttributes', 'sqs:SendMessage'],
        resources: [queue, queue.replace(/\.fifo$/, '-*.fifo')],
      },
    ],
    network: undefined,
  };
}

export function sqsOnLaptop(_step: ConnectorStep, _resources: LaptopResources): unknown {
  return { create: true };
}
