import { UserMistake } from '../../functions/runtime/errors.ts';

/**
 * The statuses and error names of servers that lack a service or an operation. A server that is not an AWS emulator at
 * all answers with something other than JSON: a SyntaxError.
 */
const LACKING: readonly unknown[] = [404, 405, 501, 'UnknownOperationException', 'NotImplemented'];

/**
 * Turns the error of a call to an endpoint into a `UserMistake` with the fix. Returns any other error as it is.
 */
export function explainFault(error: unknown, endpoint: string): unknown {
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
      `${endpoint} refuses these credentials (${error.name}: ${error.message}): export those of a user with that permission`,
    );
  }
  if (LACKING.includes(status ?? 0) || LACKING.includes(error.name) || error instanceof SyntaxError) {
    return new UserMistake(
      `${endpoint} does not support this call (${status} ${error.name}): start a server that does`,
    );
  }
  return error;
}
