import { UserMistake } from '../../functions/runtime/errors.ts';
import { missingRight } from './missing-right.ts';

/**
 * Turns the error of a call to AWS into a `UserMistake` that says what to do. Returns the error itself when there is
 * nothing to add to it.
 */
export function explainAwsError(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  if (error.name === 'CredentialsProviderError') {
    return new UserMistake(
      `there are no AWS credentials (${error.message}): name a profile (--profile), or sign in (aws sso login)`,
    );
  }
  if (/region is missing/i.test(error.message)) {
    return new UserMistake(
      'there is no AWS region: use --region eu-west-1, a --profile that has a region, or AWS_REGION',
    );
  }
  const right = missingRight(error);
  if (right !== undefined) return new UserMistake(right);
  if (/^(ExpiredToken|UnrecognizedClient|InvalidClientToken)/.test(error.name)) {
    return new UserMistake(`AWS refuses these credentials (${error.name}: ${error.message})`);
  }
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ECONNREFUSED' || code === 'ENOTFOUND') {
    return new UserMistake(
      `nothing answers (${error.message}): check the region, and the endpoint (--endpoint, AWS_ENDPOINT_URL)`,
    );
  }
  return error;
}
