import type { Connector } from '../../../infra/connectors.ts';
import type { ConnectorText } from '../../../infra/reference/connector-texts.ts';
import { sqsOnAws, sqsOnLaptop } from './needs.ts';
import { sqsDefinition } from './sqs.ts';

/** The entries of the lists that name every connector, as docs/write-a-connector.md shows them. */
export const connectors = {
  sqs: {
    kind: 'sink',
    delivery: 'either',
    progress: 'checkpoint',
    prefixOf: undefined,
    bundledResources: [],
    onAws: sqsOnAws,
    onLaptop: sqsOnLaptop,
  },
} as const satisfies Readonly<Record<string, Connector>>;

export const connectorTexts: Readonly<Record<string, ConnectorText>> = {
  sqs: {
    call: 'sqsSink',
    module: 'functions/sinks/sqs/sqs.ts',
    options: sqsDefinition.options,
    summary: 'Sends each event to a FIFO queue of SQS as one message, which is its CloudEvent.',
    guarantees: `Each event is in the queue *at least once*. SQS drops a message that it got in the last five minutes, so most repeats add nothing. Messages of events with the same key stay in order. An event with a character that SQS does not allow, or of more than 1 MiB, becomes a dead letter. This sink cannot be rewound: \`millrace replay --into again\` sends a range to the queue \`<name>-again.fifo\`, which has to exist.`,
  },
};
