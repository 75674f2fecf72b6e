import { GetFunctionConfigurationCommand, type LambdaClient } from '@aws-sdk/client-lambda';
import { z } from 'zod';
import { lambdaClient } from '../aws/lambda.ts';
import { checkpointsOfStep } from '../checkpoints/checkpoints.ts';
import { openMarkPages } from '../checkpoints/mark-pages.ts';
import { loadStored } from '../checkpoints/shard-states.ts';
import { logError, metricsLine, NOTHING_DONE } from '../metrics.ts';
import { deadlineOf, type Invocation, type StepSurroundings, surroundingsOnLambda } from '../step.ts';
import { parseEnvironmentConfig } from '../step-config.ts';
import { convertDocuments, type OnFailureStep } from './documents.ts';
import { ON_FAILURE_PREFIX } from './missed.ts';

/** What the function needs from outside. */
export interface OnFailureSurroundings extends StepSurroundings {
  readonly lambda: Pick<LambdaClient, 'send'>;
}

/**
 * The Lambda handler of the platform's function that makes dead letters of the events that Lambda has discarded. It
 * runs for the documents that a batch of its queue announces, and every hour for those that had to wait. It counts the
 * letters as dead letters of their step, so the step's own alarm rings.
 */
export function handler(event: unknown, invocation: Invocation): Promise<void> {
  return convertFor(event, { ...surroundingsOnLambda(), lambda: lambdaClient() }, invocation);
}

/** A batch of messages from an SQS queue. */
const Messages = z.object({ Records: z.array(z.object({ eventSource: z.literal('aws:sqs'), body: z.string() })) });

/** EventBridge's event for a stored object. The key in it is not URL-encoded. */
const Stored = z.object({ detail: z.object({ object: z.object({ key: z.string().startsWith(ON_FAILURE_PREFIX) }) }) });

/**
 * Does the same with the given surroundings. An event that announces no document converts all of them. Rejects when a
 * document could not be read or stored, after all other documents: SQS then keeps the messages, and a document that is
 * converted already is left out the next time.
 */
export async function convertFor(
  event: unknown,
  surroundings: OnFailureSurroundings,
  invocation: Invocation,
): Promise<void> {
  const { config, s3, kinesis, now, log } = surroundings;
  const signal = deadlineOf(invocation);
  const from = {
    s3,
    kinesis,
    now,
    bucket: config.deadLetters,
    stepOf: (functionArn: string) => stepOf(surroundings, functionArn, signal),
  };
  const failed: string[] = [];
  for await (const { key, letters, error } of convertDocuments(from, signal, announcedIn(event))) {
    if (error !== undefined) {
      log(logError({ stage: config.stage, pipeline: config.pipeline, step: config.step, shard: key }, error));
      failed.push(key);
    } else if (letters !== undefined && letters.count > 0) {
      const { pipeline, step, shard, count } = letters;
      log(metricsLine({ stage: config.stage, pipeline, step, shard }, { ...NOTHING_DONE, rejected: count }, now()));
    }
  }
  if (failed.length > 0)
    throw new Error(
      `${failed.length} documents could not be made dead letters, for example ${failed[0]}; see the errors above`,
    );
}

/**
 * Returns the keys of the announced documents. Undefined: the event announces none. EventBridge called the function
 * itself, without a queue, before version 0.2; such an event may still wait while this version is deployed.
 */
function announcedIn(event: unknown): readonly string[] | undefined {
  const messages = Messages.safeParse(event).data?.Records;
  const events = messages === undefined ? [event] : messages.map(({ body }) => jsonOf(body));
  const keys = events.map((each) => Stored.safeParse(each).data?.detail.object.key);
  return keys.every((key) => key !== undefined) ? keys : undefined;
}

/** Parses a message. Undefined: it is no JSON. */
function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Asks the function which step it is, and what the step reads. */
async function stepOf(
  { lambda, dynamodb }: OnFailureSurroundings,
  functionArn: string,
  abortSignal: AbortSignal,
): Promise<OnFailureStep> {
  const asked = new GetFunctionConfigurationCommand({ FunctionName: functionArn });
  const { Environment } = await lambda.send(asked, { abortSignal });
  const config = parseEnvironmentConfig(Environment?.Variables?.STEP_CONFIG ?? '');
  const { pipeline, step, formerly, input } = config;
  const checkpoints = checkpointsOfStep(dynamodb, config);
  const states = { load: checkpoints.load, loadPages: openMarkPages(checkpoints).load };
  return {
    pipeline,
    step,
    formerly,
    own: input?.own ?? [],
    checkpoints,
    // A sink's own database is not asked: this function cannot reach it.
    stateOf: async (shard, signal) => (await loadStored(states, shard, signal))?.state,
  };
}
