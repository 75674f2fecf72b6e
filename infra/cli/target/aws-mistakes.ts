import { UserMistake } from '../../../functions/runtime/errors.ts';

/**
 * What a call to AWS failed with, as one line that says what to do; the error itself when there is nothing to say of
 * it.
 */
export function explained(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  if (error.name === 'CredentialsProviderError') {
    return new UserMistake(
      `there are no AWS credentials (${error.message}): name a --profile, or sign in (aws sso login)`,
    );
  }
  if (/region is missing/i.test(error.message)) {
    return new UserMistake('there is no AWS region: --region eu-west-1, a --profile that has one, or AWS_REGION');
  }
  if (/^(AccessDenied|ExpiredToken|UnrecognizedClient|InvalidClientToken)/.test(error.name)) {
    return new UserMistake(`AWS refuses these credentials (${error.name}: ${error.message})`);
  }
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ECONNREFUSED' || code === 'ENOTFOUND') {
    return new UserMistake(
      `nothing answers (${error.message}): is the region right, and the endpoint (--endpoint, AWS_ENDPOINT_URL)?`,
    );
  }
  return error;
}
