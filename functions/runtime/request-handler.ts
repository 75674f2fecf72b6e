import { randomUUID } from 'node:crypto';
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { KinesisClient } from '@aws-sdk/client-kinesis';
import { dynamoClient } from './aws/dynamo.ts';
import { kinesisClient } from './aws/kinesis.ts';
import { checkpointsOfStep } from './checkpoints/checkpoints.ts';
import { UserMistake } from './errors.ts';
import type { OutgoingEvent } from './event.ts';
import { LogThrottled, type LogWriter, openLogWriter } from './log/log-writer.ts';
import { logError, metricsLine } from './metrics.ts';
import { BELIEVED_MILLIS, openPause } from './pause/pause.ts';
import { encodeOrdered } from './position.ts';
import {
  type AppendOutcome,
  ownerOfSource,
  type ReceivedRequest,
  type ReceivingSource,
  type SourceDefinition,
} from './source.ts';
import { deadlineOf, type Invocation, writeLine } from './step.ts';
import { parseOrExplain, readStepConfig, type StepConfig } from './step-config.ts';

type Handler<Request, Reply> = (request: Request, invocation: Invocation) => Promise<Reply>;

/** What a pushed source needs from outside. Tests give emulators and a clock of their own. */
export interface ReceivingSurroundings {
  readonly config: StepConfig;
  readonly kinesis: Pick<KinesisClient, 'send'>;
  readonly dynamodb: Pick<DynamoDBClient, 'send'>;
  /** Names this process. No other process of the source ever has the same name. */
  readonly processId: string;
  now(): number;
  log(line: string): void;
}

/**
 * Makes the Lambda handler of a source that answers requests: `export const handler = requestHandler(httpDefinition)`.
 */
export function requestHandler<O, R, Request, Reply>(
  definition: SourceDefinition<O, R, ReceivingSource<Request, Reply>>,
): Handler<Request, Reply> {
  let opened: Handler<Request, Reply> | undefined;
  return (request, invocation) => {
    opened ??= openRequestHandler(definition, {
      config: readStepConfig(),
      kinesis: kinesisClient(),
      dynamodb: dynamoClient(),
      processId: randomUUID(),
      now: Date.now,
      log: writeLine,
    });
    return opened(request, invocation);
  };
}

/** Opens the handler with the given surroundings, as one process of the source. */
export function openRequestHandler<O, R, Request, Reply>(
  definition: SourceDefinition<O, R, ReceivingSource<Request, Reply>>,
  surroundings: ReceivingSurroundings,
): Handler<Request, Reply> {
  const { config, kinesis, processId, now, log } = surroundings;
  const { stage, pipeline, step } = config;
  const name = `${pipeline}/${step}`;
  if (config.output === undefined)
    throw new UserMistake(`step '${name}' writes to no stream: STEP_CONFIG has no output`);
  const pipelines = config.pipelines ?? [pipeline];
  const source = definition.open({
    step: name,
    pipelines,
    options: parseOrExplain(definition.options, config.options, `the options of step '${name}'`),
    resources: parseOrExplain(definition.resources, config.resources, `the resources of step '${name}'`),
  });
  const writer = openLogWriter({ kinesis, ...config.output, version: config.versions?.writes });
  const number = numbering(`/${name}/process/${processId}`, pipelines);
  const complain = (error: unknown): void => log(logError({ stage, pipeline, step, shard: processId }, error));
  const isPaused = pauseOf(surroundings, complain);

  return async (request, invocation) => {
    const started = now();
    const signal = deadlineOf(invocation);
    const received = await source.receive(request, signal);
    if (received.events.length > 0 && (await isPaused(signal))) return received.reply({ outcome: 'paused' });
    const events = received.events.map(number);
    const { outcome, bytesOut, error } = await append(writer, events, signal);
    if (error !== undefined) complain(error);
    const counts = {
      eventsIn: events.length,
      eventsOut: outcome.outcome === 'appended' ? outcome.count : 0,
      rejected: 0,
      alreadySeen: 0,
      bytesIn: 0,
      bytesOut,
      durationMillis: now() - started,
    };
    log(metricsLine({ stage, pipeline, step, shard: processId }, counts, now()));
    return received.reply(outcome);
  };
}

/** Gives up quickly: an HTTP caller is waiting for the reply. */
const LONGEST_LOOK_MILLIS = 1_000;

/**
 * Returns a function that resolves to true while the source is paused. When the checkpoint table cannot be read, the
 * last answer stays valid: events must not wait for that table, and a request that a paused source still takes does no
 * harm.
 */
function pauseOf(
  { config, dynamodb, now }: ReceivingSurroundings,
  complain: (error: unknown) => void,
): (signal: AbortSignal) => Promise<boolean> {
  const pause = openPause({ checkpoints: checkpointsOfStep(dynamodb, config), now });
  let paused = false;
  let failedMillis = Number.NEGATIVE_INFINITY;
  return async (signal) => {
    if (now() - failedMillis < BELIEVED_MILLIS) return paused;
    try {
      const inTime = AbortSignal.any([signal, AbortSignal.timeout(LONGEST_LOOK_MILLIS)]);
      paused = (await pause.inForce(inTime)) !== undefined;
    } catch (error) {
      complain(error);
      failedMillis = now();
    }
    return paused;
  };
}

const COUNTER_WIDTH = 8;

/**
 * Returns a function that completes events. An event without a source gets this process as its source, and the next
 * count as its sequence, so a retry inside the writer cannot duplicate it. Only this process writes under that source,
 * and it handles one request at a time, so the counts reach every shard in order. Throws for an event under the name of
 * a step: the source should have refused it.
 */
function numbering(
  source: string,
  pipelines: readonly string[],
): (event: ReceivedRequest<unknown>['events'][number]) => OutgoingEvent {
  let count = 0;
  return (event) => {
    if (event.source !== undefined) {
      const owner = ownerOfSource(event.source, pipelines);
      if (owner !== undefined)
        throw new Error(`an event came under the source '${event.source}', which belongs to pipeline '${owner}'`);
      const id = event.id ?? event.sequence ?? randomUUID();
      return { ...event, source: event.source, id, sequence: event.sequence, traceparent: event.traceparent };
    }
    const sequence = encodeOrdered(count++, COUNTER_WIDTH);
    return {
      ...event,
      source,
      sequence,
      id: event.id ?? `${source.slice(source.lastIndexOf('/') + 1)}-${sequence}`,
      traceparent: event.traceparent,
    };
  };
}

async function append(
  writer: LogWriter,
  events: readonly OutgoingEvent[],
  signal: AbortSignal,
): Promise<{ outcome: AppendOutcome; bytesOut: number; error?: unknown }> {
  if (events.length === 0) return { outcome: { outcome: 'appended', count: 0 }, bytesOut: 0 };
  try {
    const refused = await writer.oversized(events, signal);
    if (refused.length > 0) return { outcome: { outcome: 'too-large', refused }, bytesOut: 0 };
    const { bytes } = await writer.append(events, signal);
    return { outcome: { outcome: 'appended', count: events.length }, bytesOut: bytes };
  } catch (error) {
    return { outcome: { outcome: error instanceof LogThrottled ? 'throttled' : 'failed' }, bytesOut: 0, error };
  }
}
