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

/** The result of an invocation: its answer or error, and the end of its log. */
export interface Invoked {
  readonly answer: unknown;
  readonly threw: boolean;
  readonly log: string;
}

/** Invokes a function in a new process, which has no client, password or shard map yet. */
export async function invokeCold(FunctionName: string, event: unknown, { clients }: Deployed): Promise<Invoked> {
  const { Environment } = await clients.lambda.send(new GetFunctionConfigurationCommand({ FunctionName }));
  // Any update of the configuration ends the function's processes.
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

/** Disables the rules that announce objects, so that only the suite invokes functions. */
export async function switchRulesOff(caller: Caller, { names }: Deployed): Promise<void> {
  const { said } = await callJson('events:ListRules', { NamePrefix: `${names.platformStack}-` }, caller);
  const { Rules = [] } = JSON.parse(said) as { Rules?: readonly { readonly Name: string }[] };
  if (Rules.length === 0) throw new Error('there are no rules that announce objects');
  for (const { Name } of Rules) await callJson('events:DisableRule', { Name }, caller);
}

/** Disables the mappings, so that no other invocation takes the records or messages of a path. */
export async function switchMappingsOff({ clients, names }: Deployed): Promise<void> {
  const { EventSourceMappings = [] } = await clients.lambda.send(new ListEventSourceMappingsCommand());
  for (const { UUID, FunctionArn = '' } of EventSourceMappings) {
    if (!FunctionArn.includes(`:${names.platformStack}-`)) continue;
    await clients.lambda.send(new UpdateEventSourceMappingCommand({ UUID, Enabled: false }));
  }
}
