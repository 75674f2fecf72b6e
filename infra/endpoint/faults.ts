import { UserMistake } from '../../functions/runtime/errors.ts';

/**
 * How servers say that they do not have a service or an operation. What is no AWS at all answers with what is no JSON.
 */
const LACKING: readonly unknown[] = [404, 405, 501, 'UnknownOperationException', 'NotImplemented'];

/**
 * What a call to an endpoint failed with, as a line that says what to do; the error itself when there is nothing to say
 * of it.
 */
export function explained(error: unknown, endpoint: string): unknown {
  if (!(error instanceof Error)) return error;
  const { code } = error as NodeJS.ErrnoException;
  const status = (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode;
  if (code === 'ECONNREFUSED' || code === 'ENOTFOUND' || code === 'EHOSTUNREACH') {
    return new UserMistake(
      `nothing answers at ${endpoint} (${code}): start the server there (MiniStack: uvx ministack), or name another (export AWS_ENDPOINT_URL=…)`,
    );
  }
  if (error.name === 'CredentialsProviderError') {
    return new UserMistake(
      'there are no AWS credentials: an emulator takes any (export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test)',
    );
  }
  if (/Region is missing/.test(error.message)) {
    return new UserMistake('there is no AWS region: name the one to use (export AWS_REGION=us-east-1)');
  }
  if (status === 401 || status === 403) {
    return new UserMistake(
      `${endpoint} refuses these credentials (${error.name}: ${error.message}): export those of a user who may`,
    );
  }
  if (LACKING.includes(status ?? 0) || LACKING.includes(error.name) || error instanceof SyntaxError) {
    return new UserMistake(
      `${endpoint} lacks what is asked of it (${status} ${error.name}): start a server that has it`,
    );
  }
  return error;
}
