import { z } from 'zod';
import { dynamoClient } from './aws/dynamo.ts';
import { kinesisClient } from './aws/kinesis.ts';
import { openCheckpoints } from './checkpoints/checkpoints.ts';
import { type CopiedStream, copiedShards } from './delivery/copied-shards.ts';
import { UserMistake } from './errors.ts';
import { type LogWriter, openLogWriter } from './log/log-writer.ts';
import { deadlineOf, type Invocation } from './step.ts';
import { parseOrExplain, readStepConfig, type StepConfig } from './step-config.ts';
import { tickEverywhere } from './time/tick.ts';

/**
 * The Lambda handler of the function that tells a stream of sources, or the copy of a stream, what time it is. A
 * schedule calls it each minute. Its time is the schedule's, so a run that comes twice appends the same tick, which
 * changes nothing.
 */
export function handler(event: unknown, invocation: Invocation): Promise<void> {
  opened ??= openTicks(readStepConfig());
  return opened(event, invocation);
}

let opened: ReturnType<typeof openTicks> | undefined;

/** The event that the schedule sends. */
const TickEvent = z.object({ tick: z.iso.datetime() });

/** The input of the schedule: EventBridge Scheduler puts the time of the run there. */
export const TICK_INPUT = JSON.stringify({ tick: '<aws.scheduler.scheduled-time>' });

/** The options of the function that appends ticks to a copy: the step that copies, `<pipeline>/<step>`. */
export const TickOptions = z.strictObject({ copy: z.string() }).optional();

/** What the handler needs from outside. */
interface TickSurroundings {
  readonly writer: LogWriter;
  /** Set where the stream is a copy. */
  readonly copied?: CopiedStream | undefined;
}

function surroundingsOf(config: TickConfig): TickSurroundings {
  const { pipeline, step, output, input, checkpoints: table } = config;
  if (output === undefined)
    throw new UserMistake(`'${pipeline}/${step}' writes to no stream: STEP_CONFIG has no output`);
  const kinesis = kinesisClient();
  const writer = openLogWriter({ kinesis, ...output });
  const copy = copyOf(config);
  if (copy === undefined || input === undefined) return { writer };
  const checkpoints = openCheckpoints({ dynamodb: dynamoClient(), table, step: copy, formerly: undefined });
  return { writer, copied: { kinesis, stream: input.stream, checkpoints } };
}

type TickConfig = Pick<StepConfig, 'pipeline' | 'step' | 'output' | 'input' | 'checkpoints' | 'options'>;

function copyOf({ pipeline, step, options }: TickConfig): string | undefined {
  return parseOrExplain(TickOptions, options, `the options of '${pipeline}/${step}'`)?.copy;
}

/**
 * Opens the handler. `surroundings` are given in tests. A stream of sources gets the time of the schedule. The copy of
 * a stream gets it for each shard of that stream of which everything is copied by then: all that had arrived at that
 * time stands before the tick.
 */
export function openTicks(
  config: TickConfig,
  { writer, copied }: TickSurroundings = surroundingsOf(config),
): (event: unknown, invocation: Pick<Invocation, 'getRemainingTimeInMillis'>) => Promise<void> {
  const { pipeline, step } = config;
  const copy = copyOf(config);
  return async (event, invocation) => {
    const { tick } = parseOrExplain(TickEvent, event, `the event of '${pipeline}/${step}'`);
    const signal = deadlineOf(invocation as Invocation);
    const [source, millis] = [`/${pipeline}/${step}`, Date.parse(tick)];
    const shards = copied === undefined ? [undefined] : await copiedShards(copied, signal);
    const ticks = shards.map((shard) =>
      tickEverywhere(source, {
        millis,
        ...(shard === undefined || copy === undefined ? {} : { from: { step: copy, from: shard.from, to: shard.to } }),
      }),
    );
    if (ticks.length > 0) await writer.append(ticks, signal);
  };
}
