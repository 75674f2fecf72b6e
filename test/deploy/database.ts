import { CreateSecretCommand, GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import pg from 'pg';
import { tlsOptions } from '../../functions/clients/postgres-login.ts';
import { UserMistake } from '../../functions/runtime/errors.ts';
import { parseContext } from '../../infra/context.ts';
import type { GivenDatabase } from '../../infra/given-database.ts';
import { startPostgres } from '../../infra/local/servers/postgres-server.ts';
import { clientOptions } from './caller.ts';
import type { Server } from './server.ts';

/** A database that the functions and this process can reach. */
export interface TestDatabase {
  /** The database in the CDK app's context. */
  readonly context: string;
  readonly client: pg.Client;
}

/** Returns the given database. For a server on this machine, starts a Postgres instead. */
export function openDatabase(
  { stage, server, given }: { readonly stage: string; readonly server: Server; readonly given: string | undefined },
  running: AsyncDisposableStack,
): Promise<TestDatabase> {
  if (given !== undefined) return connectGiven(given, server, running);
  if (server.endpoint !== undefined) return startDatabase(stage, server, running);
  throw new UserMistake(
    `functions in an AWS account cannot reach a database on this machine; name a database that both can reach (--database '{"host":"…","name":"…","user":"…","secret":"arn:…"}', as for -c database= in docs/deploy.md)`,
  );
}

const NAME = 'millrace';

/** Starts a Postgres on 127.0.0.1. Functions read its password from the server's Secrets Manager. */
export async function startDatabase(
  stage: string,
  server: Server,
  running: AsyncDisposableStack,
): Promise<TestDatabase> {
  const { host, port, user, password, createDatabase, stop } = await startPostgres();
  running.defer(stop);
  await createDatabase(NAME);
  const client = await connected({ host, port, user, password, database: NAME }, running);
  const secrets = new SecretsManagerClient(clientOptions(server));
  const { ARN: secret } = await secrets.send(
    new CreateSecretCommand({ Name: `millrace-${stage}-database`, SecretString: JSON.stringify({ password }) }),
  );
  secrets.destroy();
  // The role that reads for operators has the same password on this machine.
  const context = JSON.stringify({ host, port, name: NAME, user, secret, reader: { secret }, tls: 'off' });
  return { context, client };
}

async function connectGiven(context: string, server: Server, running: AsyncDisposableStack): Promise<TestDatabase> {
  const database = parseContext({ database: context }).database as GivenDatabase;
  const { host, port, name, user, secret, tls, ca } = database;
  if (secret === undefined) throw new UserMistake("--database lacks a 'secret': this suite logs in by password");
  const secrets = new SecretsManagerClient(clientOptions(server));
  const { SecretString = '' } = await secrets.send(new GetSecretValueCommand({ SecretId: secret }));
  secrets.destroy();
  const password = passwordIn(SecretString);
  const ssl = tlsOptions({ tls: tls ?? 'verify', ca });
  return { context, client: await connected({ host, port, user, password, database: name, ssl }, running) };
}

async function connected(config: pg.ClientConfig, running: AsyncDisposableStack): Promise<pg.Client> {
  const client = new pg.Client(config);
  await client.connect();
  running.defer(() => client.end());
  return client;
}

/** Reads a password from a secret: plain text, or a JSON object with `password`. */
function passwordIn(secret: string): string {
  return secret.startsWith('{') ? (JSON.parse(secret) as { readonly password: string }).password : secret;
}
