import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { httpHandler } from '../runtime/aws/http.ts';

/** Reads the text of a secret as it is now. */
export type ReadSecret = (signal: AbortSignal) => Promise<string>;

/** Reads a Secrets Manager secret: its whole text. `what` says in an error what the text should be. */
export function textOfSecret(secretId: string, what: string): ReadSecret {
  const secrets = new SecretsManagerClient({ maxAttempts: 3, requestHandler: httpHandler({ requestMillis: 3_000 }) });
  return async (abortSignal) => {
    const answer = await secrets.send(new GetSecretValueCommand({ SecretId: secretId }), { abortSignal });
    if (!answer.SecretString)
      throw new Error(`the secret ${secretId} has no text: store the ${what} as its whole value`);
    return answer.SecretString;
  };
}
