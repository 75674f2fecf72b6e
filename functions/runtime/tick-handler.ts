import { z } from 'zod';
import { kinesisClient } from './aws/kinesis.ts';
import { UserMistake } from './errors.ts';
import { type LogWriter, openLogWriter } from './log/log-writer.ts';
import { deadlineOf, type Invocation } from './step.ts';
import { parseOrExplain, readStepConfig, type StepConfig } from './step-config.ts';
import { tickEverywhere } from './time/tick.ts';

/**
 * The Lambda handler of the function that tells the streams of sources what time it is. A schedule calls it each
 * minute. Its time is the schedule's, so a run that comes twice appends the same tick, which changes nothing.
 */
export function handler(event: unknown, invocation: Invocation): Promise<void> {
  const { output, pipeline, step } = readStepConfig();
  opened ??= openTicks({ pipeline, step, output });
  return opened(event, invocation);
}

let opened: ReturnType<typeof openTicks> | undefined;

/** The event that the schedule sends. */
const TickEvent = z.object({ tick: z.iso.datetime() });

/** The input of the schedule: EventBridge Scheduler puts the time of the run there. */
export const TICK_INPUT = JSON.stringify({ tick: '<aws.scheduler.scheduled-time>' });

/** Opens the handler. `writer` is given in tests. */
export function openTicks(
  { pipeline, step, output }: Pick<StepConfig, 'pipeline' | 'step' | 'output'>,
  writer: LogWriter | undefined = output && openLogWriter({ kinesis: kinesisClient(), ...output }),
): (event: unknown, invocation: Pick<Invocation, 'getRemainingTimeInMillis'>) => Promise<void> {
  if (writer === undefined)
    throw new UserMistake(`'${pipeline}/${step}' writes to no stream: STEP_CONFIG has no output`);
  return async (event, invocation) => {
    const { tick } = parseOrExplain(TickEvent, event, `the event of '${pipeline}/${step}'`);
    const made = tickEverywhere(`/${pipeline}/${step}`, { millis: Date.parse(tick) });
    await writer.append([made], deadlineOf(invocation as Invocation));
  };
}
