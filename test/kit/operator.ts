import { UserMistake } from '../../functions/runtime/errors.ts';
import type { Table } from '../../functions/runtime/table.ts';
import type { Transform } from '../../functions/runtime/transform.ts';
import { randomUuid } from '../../infra/emulator/random-uuid.ts';
import { FunctionFailed } from '../../infra/operation/function-failed.ts';
import type { TargetWithFunctions } from '../../infra/operation/target.ts';
import type { StepPlan } from '../../infra/pipelines/plan.ts';
import type { SimulatedProcess } from './simulated-process.ts';
import type { World } from './world.ts';

/** Runs an operator's command in a process of its own, while time passes. */
export function operate<Result>(world: World, work: (target: TargetWithFunctions) => Promise<Result>): Promise<Result> {
  const process = world.outsider('operator');
  return world.clock.runUntil(process.invocation(() => work(targetOf(world, process))));
}

/** The changed code of a step: of a transform, or of a table. */
export type Changed = Pick<Transform, 'run'> | Table<never>;

/** Deploys changed code of a step: its processes start anew, and its events get a new generation. */
export function deployChanged({ stage, functions, transforms, tables }: World, step: StepPlan, code?: Changed): void {
  stage.changes.set(step, (stage.changes.get(step) ?? 0) + 1);
  if (code !== undefined && 'run' in code) transforms.set(step, code);
  else if (code !== undefined) tables.set(step, code as Table);
  functions.kill(step);
}

/** Returns the run's stage as an operator's process reaches it. */
export function targetOf({ stage, functions, randomOf, clock }: World, process: SimulatedProcess): TargetWithFunctions {
  const client = (serviceId: string) => ({
    send: (command: object, options?: { readonly abortSignal?: AbortSignal }) =>
      process.send({ serviceId, command, signal: options?.abortSignal }),
  });
  const clients = { kinesis: client('Kinesis'), dynamodb: client('DynamoDB'), s3: client('S3'), sqs: client('SQS') };
  return {
    names: stage.names,
    clients: clients as unknown as TargetWithFunctions['clients'],
    streamName: (stream) => stage.streamName(stream),
    async invoke(step, request) {
      const requestId = randomUuid(randomOf(`command at ${clock.now()}`));
      const result = await functions.invoke(step, { payload: JSON.stringify(request), requestId });
      if (result.outcome === 'returned') return JSON.parse(result.payload) as unknown;
      if (result.outcome === 'error' && result.errorType === 'UserMistake') throw new UserMistake(result.message);
      throw new FunctionFailed(step.name, result.outcome === 'error' ? result.message : result.outcome);
    },
    databaseOf: async () => {
      throw new Error('the database of the kit is a model: there is no server to connect to');
    },
    catalogOf: async () => {
      throw new Error('the catalogue of the kit is a model: there is no server to ask');
    },
    ask: async () => {
      throw new Error('the database of the kit is a model: there is no server to ask');
    },
  };
}
