import type { Place } from '../../infra/operation/place.ts';
import type { StepPlan } from '../../infra/pipelines/plan.ts';
import type { SimulatedProcess } from './simulated-process.ts';
import type { World } from './world.ts';

/** Does with a place what an operator's command does, in a process of its own, while time passes. */
export function operate<Result>(world: World, work: (place: Place) => Promise<Result>): Promise<Result> {
  const process = world.outsider('operator');
  return world.clock.runUntil(process.invocation(() => work(placeOf(world, process))));
}

/** Changed code of a step is deployed: its processes are new ones, and its events are of a new generation. */
export function deployChanged({ stage, functions }: World, step: StepPlan): void {
  stage.changes.set(step, (stage.changes.get(step) ?? 0) + 1);
  functions.kill(step);
}

function placeOf({ stage }: World, process: SimulatedProcess): Place {
  const client = (serviceId: string) => ({
    send: (command: object, options?: { readonly abortSignal?: AbortSignal }) =>
      process.send({ serviceId, command, signal: options?.abortSignal }),
  });
  const clients = { kinesis: client('Kinesis'), dynamodb: client('DynamoDB'), s3: client('S3'), sqs: client('SQS') };
  return {
    names: stage.names,
    clients: clients as unknown as Place['clients'],
    streamName: (stream) => stage.streamName(stream),
    databaseOf: async () => {
      throw new Error('the database of the kit is a model');
    },
  };
}
