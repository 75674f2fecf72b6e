import {
  GetFunctionConfigurationCommand,
  InvokeCommand,
  ListEventSourceMappingsCommand,
  UpdateEventSourceMappingCommand,
  UpdateFunctionConfigurationCommand,
} from '@aws-sdk/client-lambda';
import type { StepPlan } from '../../infra/pipelines/plan.ts';
import type { Deployed } from './deployed.ts';

/** What an invocation came to: its answer, or the error it threw, and the end of its log. */
export interface Invoked {
  readonly answer: unknown;
  readonly threw: boolean;
  readonly log: string;
}

/** Invokes a step's function in a process that knows nothing yet: no client, no password, no shard. */
export async function invokeCold(step: StepPlan, event: unknown, { clients, names }: Deployed): Promise<Invoked> {
  const FunctionName = names.step(step.pipeline, step.name);
  const { Environment } = await clients.lambda.send(new GetFunctionConfigurationCommand({ FunctionName }));
  // Whatever it is set to, its processes end.
  const Variables = Environment?.Variables ?? {};
  await clients.lambda.send(new UpdateFunctionConfigurationCommand({ FunctionName, Environment: { Variables } }));
  const call = new InvokeCommand({ FunctionName, Payload: Buffer.from(JSON.stringify(event)), LogType: 'Tail' });
  const { FunctionError, Payload = new Uint8Array(), LogResult = '' } = await clients.lambda.send(call);
  const text = Buffer.from(Payload).toString();
  return {
    answer: text === '' ? undefined : JSON.parse(text),
    threw: FunctionError !== undefined,
    log: Buffer.from(LogResult, 'base64').toString(),
  };
}

export async function roleOf(step: StepPlan, { clients, names }: Deployed): Promise<string> {
  const FunctionName = names.step(step.pipeline, step.name);
  const { Role = '' } = await clients.lambda.send(new GetFunctionConfigurationCommand({ FunctionName }));
  return Role;
}

/** So that nobody else takes what is meant for one invocation. */
export async function switchMappingsOff({ clients, names }: Deployed): Promise<void> {
  const { EventSourceMappings = [] } = await clients.lambda.send(new ListEventSourceMappingsCommand());
  for (const { UUID, FunctionArn = '' } of EventSourceMappings) {
    if (!FunctionArn.includes(`:${names.platformStack}-`)) continue;
    await clients.lambda.send(new UpdateEventSourceMappingCommand({ UUID, Enabled: false }));
  }
}
