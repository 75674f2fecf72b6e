import type { BatchWork } from '../batches/batch-work.ts';
import type { Input } from '../batches/shard-input.ts';
import type { SinkStep } from '../batches/sink-step.ts';
import { UserMistake } from '../errors.ts';
import type { OperatorAnswer } from '../operator-request.ts';
import type { Again } from '../sink.ts';
import { deadlineOf, type Invocation } from '../step.ts';
import { openPast } from './past.ts';
import { begunOf, outOfReach, targetsOf } from './targets.ts';

interface Asked {
  readonly sink: SinkStep;
  readonly input: Input;
  readonly rebuilt: BatchWork['rebuilt'];
}

/**
 * Continues the request of an operator to make a step's data again, with the code that it has: notes the request the
 * first time, once it is sure that the log has everything, and then works on it for a while, as each batch does.
 */
export async function continueAgain(
  { sink, input, rebuilt }: Asked,
  id: string,
  invocation: Invocation,
): Promise<OperatorAnswer> {
  const { step, again } = sink;
  if (again === undefined || rebuilt === undefined)
    throw new UserMistake(`step '${step.name}' is not a table, and only a table is made again`);
  const signal = deadlineOf(invocation);
  const of = { shards: [], events: 0, reached: {} };
  if ((await step.pause.inForce(signal)) !== undefined) return { ...of, done: false, paused: true };
  const asked = await again(id, signal);
  if (asked.kind === 'new') {
    await refuseUnreachable({ sink, input }, asked, signal);
    await asked.note(signal);
  }
  if (asked.kind !== 'done') await rebuilt(invocation, signal);
  return { ...of, done: (await again(id, signal)).kind === 'done', paused: false };
}

/** Throws a `UserMistake` when the log has lost what the data are made of. */
async function refuseUnreachable(
  { sink, input }: Pick<Asked, 'sink' | 'input'>,
  { committed }: Again,
  signal: AbortSignal,
): Promise<void> {
  const { step } = sink;
  const { kinesis, s3, config } = step;
  const past = openPast({ kinesis, s3, stream: input.stream, archived: config.input?.archive });
  const described = await input.refresh(signal);
  const forgotten = await past.forgotten(begunOf(committed), described, signal);
  const shape = { ...described, shards: [...forgotten, ...described.shards] };
  for (const target of await targetsOf(step, committed, shape)) {
    const reach = await past.reachOf(target, signal);
    if (reach === 'neither')
      throw outOfReach(step, shape, `the first events of the table in ${target.shard.id} are gone`);
  }
}
