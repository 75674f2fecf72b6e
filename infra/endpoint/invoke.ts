import { InvokeCommand, type LambdaClient } from '@aws-sdk/client-lambda';
import type { Invoke, InvokeResult } from '../emulator/invoke.ts';

/**
 * Makes an `Invoke` that calls functions synchronously through Lambda's API. The request's id and attempt are not sent:
 * the API gives each call an id of its own.
 */
export function invokeThrough(lambda: Pick<LambdaClient, 'send'>): Invoke {
  return async ({ functionArn, payload }) => {
    try {
      const call = new InvokeCommand({ FunctionName: functionArn, Payload: Buffer.from(payload) });
      const { FunctionError, Payload = new Uint8Array() } = await lambda.send(call);
      const answer = Buffer.from(Payload).toString();
      return FunctionError === undefined ? { outcome: 'returned', payload: answer } : failed(answer);
    } catch (error) {
      if (error instanceof Error && error.name === 'TooManyRequestsException') return { outcome: 'throttled' };
      throw error;
    }
  };
}

function failed(answer: string): InvokeResult {
  const { errorType = 'Error', errorMessage = answer } = errorIn(answer);
  return { outcome: 'error', functionError: 'Unhandled', errorType, message: errorMessage };
}

function errorIn(answer: string): { errorType?: string; errorMessage?: string } {
  try {
    return Object(JSON.parse(answer));
  } catch {
    return {};
  }
}
