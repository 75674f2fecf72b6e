import { SendMessageCommand, type SQSClient } from '@aws-sdk/client-sqs';
import type { SQSBatchResponse, SQSEvent, SQSRecord } from 'aws-lambda';
import { sqsClient } from './aws/sqs.ts';
import { EventRejected, UserMistake } from './errors.ts';
import { readItems } from './items/read-items.ts';
import type { ItemSource, SourceDefinition } from './source.ts';
import { deadlineOf, type Invocation, openedOnLambda, openStep, type StepSurroundings } from './step.ts';
import { parseOrExplain } from './step-config.ts';

type Handler = (event: SQSEvent, invocation: Invocation) => Promise<SQSBatchResponse>;

export interface QueueSurroundings extends StepSurroundings {
  readonly sqs: Pick<SQSClient, 'send'>;
}

/**
 * Makes the Lambda handler of a source of announced items: `export const handler = queueHandler(s3FilesDefinition)`.
 */
export function queueHandler<O, R, P>(definition: SourceDefinition<O, R, ItemSource<P>>): Handler {
  return openedOnLambda((surroundings) => openQueueHandler(definition, { ...surroundings, sqs: sqsClient() }));
}

/** Opens the handler with the given surroundings, as one process of the source. */
export function openQueueHandler<O, R, P>(
  definition: SourceDefinition<O, R, ItemSource<P>>,
  surroundings: QueueSurroundings,
): Handler {
  const step = openStep(surroundings);
  const { config, name, writer } = step;
  const { queue } = config;
  if (writer === undefined || queue === undefined) {
    throw new UserMistake(
      `step '${name}' needs a stream and a queue: STEP_CONFIG has no ${writer === undefined ? 'output' : 'queue'}`,
    );
  }
  const source = definition.open({
    step: name,
    pipelines: config.pipelines ?? [config.pipeline],
    options: parseOrExplain(definition.options, config.options, `the options of step '${name}'`),
    resources: parseOrExplain(definition.resources, config.resources, `the resources of step '${name}'`),
  });

  /**
   * Sends a message again as a new one. A message's own retries count as failures, and an item that takes several
   * invocations has not failed.
   */
  async function putBack(message: SQSRecord, delaySeconds: number, signal: AbortSignal): Promise<void> {
    await surroundings.sqs.send(
      new SendMessageCommand({ QueueUrl: queue, MessageBody: message.body, DelaySeconds: delaySeconds }),
      { abortSignal: signal },
    );
  }

  async function handle(message: SQSRecord, invocation: Invocation, signal: AbortSignal): Promise<void> {
    try {
      const items = source.announced(message.body);
      const left = await readItems({ source, step, writer: writer as NonNullable<typeof writer> }, items, {
        invocation,
        signal,
      });
      if (left !== undefined) await putBack(message, WAIT_SECONDS[left], signal);
    } catch (error) {
      if (!(error instanceof EventRejected)) throw error;
      const { reason } = error;
      const rejection = { at: message.messageId, reason, message: error.message, bytes: Buffer.from(message.body) };
      await step.deadLetters.put('announcements', [rejection], signal);
    }
  }

  return async (event, invocation) => {
    const signal = deadlineOf(invocation);
    const batchItemFailures: SQSBatchResponse['batchItemFailures'] = [];
    for (const message of event.Records) {
      try {
        await handle(message, invocation, signal);
      } catch (error) {
        step.complain(message.messageId, error);
        batchItemFailures.push({ itemIdentifier: message.messageId });
      }
    }
    return { batchItemFailures };
  };
}

/**
 * The seconds that an announcement waits before it is delivered again: 0 when the item is half read, 5 when another
 * invocation holds the lane, 60 while the step is paused. It waits as a new message, so that it neither counts as a
 * failure nor reaches the end of the queue's retention.
 */
const WAIT_SECONDS = { unfinished: 0, busy: 5, paused: 60 };
