import {
  GetFunctionConfigurationCommand,
  InvokeCommand,
  ListEventSourceMappingsCommand,
  UpdateEventSourceMappingCommand,
  UpdateFunctionConfigurationCommand,
} from '@aws-sdk/client-lambda';
import type { Caller } from './caller.ts';
import type { Deployed } from './deployed.ts';
import { callJson } from './signed-call.ts';

/** What an invocation came to: its answer, or the error it threw, and the end of its log. */
export interface Invoked {
  readonly answer: unknown;
  readonly threw: boolean;
  readonly log: string;
}

/** Invokes a function in a process that knows nothing yet: no client, no password, no shard. */
export async function invokeCold(FunctionName: string, event: unknown, { clients }: Deployed): Promise<Invoked> {
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

export async function roleOf(FunctionName: string, { clients }: Deployed): Promise<string> {
  const { Role = '' } = await clients.lambda.send(new GetFunctionConfigurationCommand({ FunctionName }));
  return Role;
}

/** So that nobody is told of objects but who is called here. */
export async function switchRulesOff(caller: Caller, { names }: Deployed): Promise<void> {
  const { said } = await callJson('events:ListRules', { NamePrefix: `${names.platformStack}-` }, caller);
  const { Rules = [] } = JSON.parse(said) as { Rules?: readonly { readonly Name: string }[] };
  if (Rules.length === 0) throw new Error('there are no rules that tell of objects');
  for (const { Name } of Rules) await callJson('events:DisableRule', { Name }, caller);
}

/** So that nobody else takes what is meant for one invocation. */
export async function switchMappingsOff({ clients, names }: Deployed): Promise<void> {
  const { EventSourceMappings = [] } = await clients.lambda.send(new ListEventSourceMappingsCommand());
  for (const { UUID, FunctionArn = '' } of EventSourceMappings) {
    if (!FunctionArn.includes(`:${names.platformStack}-`)) continue;
    await clients.lambda.send(new UpdateEventSourceMappingCommand({ UUID, Enabled: false }));
  }
}
