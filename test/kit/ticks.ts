import { openCheckpoints } from '../../functions/runtime/checkpoints/checkpoints.ts';
import { openLogWriter } from '../../functions/runtime/log/log-writer.ts';
import { openTicks } from '../../functions/runtime/tick-handler.ts';
import type { InvokeResult } from '../../infra/emulator/invoke.ts';
import type { OwnStreamPlan } from '../../infra/pipelines/streams.ts';
import { TICK_LIMITS, tickConfigOf } from '../../infra/ticks.ts';
import type { SimulatedProcess } from './simulated-process.ts';
import type { Stage } from './stage.ts';

/** Runs the function that appends a tick to a stream once, in a process of its own. */
export async function tickIn(
  stage: Stage,
  process: SimulatedProcess,
  { stream, event }: { readonly stream: OwnStreamPlan; readonly event: unknown },
): Promise<InvokeResult> {
  const client = (serviceId: string) =>
    ({
      send: (command: object, options?: { readonly abortSignal?: AbortSignal }) =>
        process.send({ serviceId, command, signal: options?.abortSignal }),
    }) as never;
  const kinesis = client('Kinesis');
  const config = tickConfigOf(stream, stage.names, (one) => stage.streamName(one));
  const { stream: name } = config.output ?? { stream: '' };
  const { step } = stream.copyOf ?? {};
  const table = { dynamodb: client('DynamoDB'), table: config.checkpoints, formerly: undefined };
  const tick = openTicks(config, {
    writer: openLogWriter({ kinesis, stream: name }),
    copied:
      step === undefined || config.input === undefined
        ? undefined
        : { kinesis, stream: config.input.stream, checkpoints: openCheckpoints({ ...table, step }) },
  });
  const untilMillis = process.clock.now() + TICK_LIMITS.timeoutSeconds * 1_000;
  try {
    await process.invocation(() => tick(event, { getRemainingTimeInMillis: () => untilMillis - process.clock.now() }));
    return { outcome: 'returned', payload: 'null' };
  } catch (error) {
    return { outcome: 'error', functionError: 'Unhandled', errorType: 'Error', message: String(error) };
  }
}
