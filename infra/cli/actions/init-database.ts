import { InvokeCommand, type LambdaClient } from '@aws-sdk/client-lambda';
import { GetSecretValueCommand, type SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { z } from 'zod';
import type { DatabaseInitRequest } from '../../../functions/clients/database-init.ts';
import { UserMistake } from '../../../functions/runtime/errors.ts';

const Asked = z.object({ administratorSecret: z.string() });
const Done = z.object({ user: z.string(), changed: z.array(z.string()) });

/** A secret as RDS makes it for an administrator. */
const Administrator = z.object({ username: z.string().min(1), password: z.string().min(1) });

export interface DatabaseInitClients {
  readonly lambda: Pick<LambdaClient, 'send'>;
  readonly secrets: Pick<SecretsManagerClient, 'send'>;
}

/**
 * Asks the function inside the network for the administrator's secret, reads it as who runs the command, and brings it
 * along. Answers with the sinks' user, and the statements that changed something.
 */
export async function runDatabaseInit(
  functionName: string,
  { lambda, secrets }: DatabaseInitClients,
  signal: AbortSignal,
): Promise<z.infer<typeof Done>> {
  const call = (request: DatabaseInitRequest): Promise<unknown> => invoke(lambda, { functionName, request }, signal);
  const { administratorSecret } = Asked.parse(await call({}));
  const asked = new GetSecretValueCommand({ SecretId: administratorSecret });
  const { SecretString } = await secrets.send(asked, { abortSignal: signal });
  const administrator = Administrator.safeParse(jsonOf(SecretString));
  if (!administrator.success) {
    throw new UserMistake(`the secret ${administratorSecret} has no username and password, as RDS makes them`);
  }
  const { username: user, password } = administrator.data;
  return Done.parse(await call({ administrator: { user, password } }));
}

function jsonOf(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? '');
  } catch {
    return undefined;
  }
}

interface Call {
  readonly functionName: string;
  readonly request: DatabaseInitRequest;
}

async function invoke(
  lambda: DatabaseInitClients['lambda'],
  { functionName, request }: Call,
  abortSignal: AbortSignal,
): Promise<unknown> {
  const command = new InvokeCommand({ FunctionName: functionName, Payload: JSON.stringify(request) });
  const { Payload, FunctionError } = await lambda.send(command, { abortSignal }).catch((error: Error) => {
    throw error.name === 'ResourceNotFoundException' ? noFunction(functionName) : error;
  });
  const answer = JSON.parse(Buffer.from(Payload ?? []).toString() || 'null') as { errorMessage?: string };
  if (FunctionError === undefined) return answer;
  throw new UserMistake(`the function ${functionName} failed: ${answer?.errorMessage ?? FunctionError}`);
}

function noFunction(functionName: string): UserMistake {
  return new UserMistake(
    `there is no function ${functionName}: deploy the stage first, or name another with --stage; ` +
      'a database that the context names is its own to set up',
  );
}
