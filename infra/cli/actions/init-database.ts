import { InvokeCommand, type LambdaClient } from '@aws-sdk/client-lambda';
import { GetSecretValueCommand, type SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { z } from 'zod';
import type { DatabaseInitRequest } from '../../../functions/clients/database-init.ts';
import { UserMistake } from '../../../functions/runtime/errors.ts';

const SecretReply = z.object({ administratorSecret: z.string() });
const InitReply = z.object({ user: z.string(), changed: z.array(z.string()) });

/** The secret of a database administrator, in the format of RDS. */
const Administrator = z.object({ username: z.string().min(1), password: z.string().min(1) });

export interface DatabaseInitClients {
  readonly lambda: Pick<LambdaClient, 'send'>;
  readonly secrets: Pick<SecretsManagerClient, 'send'>;
}

/**
 * Creates the sinks' database user through a function inside the network. Asks the function for the name of the
 * administrator's secret, reads the secret with the operator's own credentials, and sends it with a second call.
 * Resolves to the user, and the statements that changed something.
 */
export async function runDatabaseInit(
  functionName: string,
  { lambda, secrets }: DatabaseInitClients,
  signal: AbortSignal,
): Promise<z.infer<typeof InitReply>> {
  const call = (request: DatabaseInitRequest): Promise<unknown> => invoke(lambda, { functionName, request }, signal);
  const { administratorSecret } = SecretReply.parse(await call({}));
  const command = new GetSecretValueCommand({ SecretId: administratorSecret });
  const { SecretString } = await secrets.send(command, { abortSignal: signal });
  const administrator = Administrator.safeParse(jsonOf(SecretString));
  if (!administrator.success) {
    throw new UserMistake(
      `the secret ${administratorSecret} lacks a username or a password; store both, in the format of RDS`,
    );
  }
  const { username: user, password } = administrator.data;
  return InitReply.parse(await call({ administrator: { user, password } }));
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
    throw error.name === 'ResourceNotFoundException' ? missingFunction(functionName) : error;
  });
  const answer = JSON.parse(Buffer.from(Payload ?? []).toString() || 'null') as { errorMessage?: string };
  if (FunctionError === undefined) return answer;
  throw new UserMistake(`the function ${functionName} failed: ${answer?.errorMessage ?? FunctionError}`);
}

function missingFunction(functionName: string): UserMistake {
  return new UserMistake(
    `there is no function ${functionName}: deploy the stage first, or name another with --stage; ` +
      'create the user yourself in a database that was given with -c database',
  );
}
