import { InvokeCommand, type LambdaClient } from '@aws-sdk/client-lambda';
import { UserMistake } from '../../functions/runtime/errors.ts';
import { FunctionFailed } from './function-failed.ts';

/**
 * Calls a function through Lambda's API and resolves to its answer. Rejects with a `UserMistake` when the function does
 * not exist, the operator may not call it, or the function threw one; with `FunctionFailed` for any other failure.
 */
export async function invokeFunction(
  lambda: Pick<LambdaClient, 'send'>,
  {
    name,
    request,
    ifMissing = 'deploy its pipeline',
  }: { readonly name: string; readonly request: object; readonly ifMissing?: string },
  abortSignal: AbortSignal,
): Promise<unknown> {
  const command = new InvokeCommand({ FunctionName: name, Payload: JSON.stringify(request) });
  const { Payload, FunctionError } = await lambda.send(command, { abortSignal }).catch((error: Error) => {
    abortSignal.throwIfAborted();
    if (error.name === 'ResourceNotFoundException') throw new UserMistake(`there is no function ${name}: ${ifMissing}`);
    if (/^AccessDenied/.test(error.name))
      throw new UserMistake(`you may not call the function ${name} (lambda:InvokeFunction): ${error.message}`);
    throw new FunctionFailed(name, `${error.name}: ${error.message}`);
  });
  const answer = JSON.parse(Buffer.from(Payload ?? []).toString() || 'null') as Failure | null;
  if (FunctionError === undefined) return answer;
  // The function rejects the operator's request.
  if (answer?.errorType === 'UserMistake') throw new UserMistake(answer.errorMessage ?? '');
  throw new FunctionFailed(
    name,
    `${answer?.errorType ?? FunctionError}: ${answer?.errorMessage ?? 'it gave no message'}`,
  );
}

interface Failure {
  readonly errorType?: string;
  readonly errorMessage?: string;
}
