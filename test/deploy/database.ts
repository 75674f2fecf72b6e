import { CreateSecretCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import pg from 'pg';
import { startPostgres } from '../../infra/local/postgres-server.ts';
import type { Server } from './server.ts';

/** A Postgres beside the server: functions reach it at 127.0.0.1, with a password out of the server's Secrets Manager. */
export interface GivenDatabase {
  /** For the CDK app's context. */
  readonly context: string;
  readonly client: pg.Client;
}

const NAME = 'millrace';

export async function startDatabase(
  stage: string,
  { endpoint, region, credentials }: Server,
  running: AsyncDisposableStack,
): Promise<GivenDatabase> {
  const { host, port, user, password, createDatabase, stop } = await startPostgres();
  running.defer(stop);
  await createDatabase(NAME);
  const client = new pg.Client({ host, port, user, password, database: NAME });
  await client.connect();
  running.defer(() => client.end());
  const secrets = new SecretsManagerClient({ endpoint, region, credentials, requestHandler: new NodeHttpHandler() });
  const { ARN: secret } = await secrets.send(
    new CreateSecretCommand({ Name: `millrace-${stage}-database`, SecretString: JSON.stringify({ password }) }),
  );
  secrets.destroy();
  return { context: JSON.stringify({ host, port, name: NAME, user, secret, tls: 'off' }), client };
}
