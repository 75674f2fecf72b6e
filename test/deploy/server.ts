import { KinesisClient } from '@aws-sdk/client-kinesis';
import { UserMistake } from '../../functions/runtime/errors.ts';
import { explainFault } from '../../infra/endpoint/faults.ts';
import { explainAwsError } from '../../infra/operation/aws-mistakes.ts';
import type { Caller } from './caller.ts';
import { cleanEnvironment, type Environment } from './command.ts';
import { startMiniStack } from './ministack.ts';
import { accountOf, probeServices } from './probe.ts';

/** AWS, or a server that stands for AWS. */
export interface Server extends Caller {
  /** The environment of every command. */
  readonly env: Environment;
  /** A name for people. */
  readonly what: string;
  /** True when nothing was ever deployed there. */
  readonly isNew: boolean;
}

/**
 * Returns the server of `AWS_ENDPOINT_URL`; without one, AWS when `account` names a test account; otherwise starts a
 * MiniStack that ends with `running`. An account that may cost money is used only when `account` names it.
 */
export async function openServer(
  { log, account }: { readonly log: string; readonly account: string | undefined },
  running: AsyncDisposableStack,
): Promise<Server> {
  const endpoint = process.env.AWS_ENDPOINT_URL || undefined;
  if (endpoint === undefined && account === undefined) return openMiniStack({ log }, running);
  if (endpoint !== undefined) refuseOddEndpoint(endpoint, account);
  const caller = await callerOf(endpoint);
  refuseOddRegion(caller.region);
  await probeServices(caller);
  const found = await accountOf(caller);
  refuseOtherAccount(found, account);
  return serverOf({ ...caller, what: endpoint ?? `AWS, account ${found}, ${caller.region}`, isNew: false });
}

/** Starts a MiniStack and returns it, with root credentials. */
export async function openMiniStack(
  settings: { readonly log: string; readonly env?: Environment },
  running: AsyncDisposableStack,
): Promise<Server> {
  const endpoint = await startMiniStack(settings, running);
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
  return serverOf({ endpoint, region: 'us-east-1', credentials, what: `MiniStack at ${endpoint}`, isNew: true });
}

function refuseOddEndpoint(endpoint: string, account: string | undefined): void {
  const url = URL.parse(endpoint);
  if (url === null || !['http:', 'https:'].includes(url.protocol) || endpoint.endsWith('/')) {
    throw new UserMistake(
      `AWS_ENDPOINT_URL is '${endpoint}'; write it as http://127.0.0.1:4566, without a slash at the end`,
    );
  }
  if (!/\.amazonaws\.com(\.cn)?$/.test(url.hostname)) return;
  throw new UserMistake(
    account === undefined
      ? `AWS_ENDPOINT_URL is AWS itself, where a stage costs money: unset it, and name the test account (env -u AWS_ENDPOINT_URL npm run test:deploy -- --account 123456789012)`
      : `AWS_ENDPOINT_URL is '${endpoint}', one service of AWS: unset it to use all services of the account (env -u AWS_ENDPOINT_URL npm run test:deploy -- --account ${account})`,
  );
}

/** Returns the credentials that AWS tools would use: from the environment, a profile or the machine. */
async function callerOf(endpoint: string | undefined): Promise<Caller> {
  const { config } = new KinesisClient(endpoint === undefined ? {} : { endpoint });
  try {
    const { accessKeyId, secretAccessKey, sessionToken } = await config.credentials();
    const credentials = { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) };
    return { endpoint, credentials, region: await config.region() };
  } catch (error) {
    throw endpoint === undefined ? explainAwsError(error) : explainFault(error, endpoint);
  }
}

function refuseOddRegion(region: string): void {
  if (/^[a-z]{2,}(-[a-z]+)+-\d+$/.test(region)) return;
  throw new UserMistake(`invalid AWS region '${region}': name the region to use (export AWS_REGION=us-east-1)`);
}

/** The account of servers that stand for AWS, unless another one is configured. */
const NO_ACCOUNT = '000000000000';

function refuseOtherAccount(found: string, named: string | undefined): void {
  if (named === found || (named === undefined && found === NO_ACCOUNT)) return;
  throw new UserMistake(
    named === undefined
      ? `this is account ${found}, where a stage may cost money: if it is for tests, name it (npm run test:deploy -- --account ${found})`
      : `these credentials are of account ${found}, not of ${named}: use credentials of that account (export AWS_PROFILE=…), or name this one (--account ${found})`,
  );
}

function serverOf(server: Omit<Server, 'env'>): Server {
  const { endpoint, region, credentials } = server;
  const { accessKeyId, secretAccessKey, sessionToken } = credentials;
  return {
    ...server,
    env: {
      ...cleanEnvironment(),
      ...(endpoint === undefined ? {} : { AWS_ENDPOINT_URL: endpoint }),
      AWS_REGION: region,
      AWS_DEFAULT_REGION: region,
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: secretAccessKey,
      ...(sessionToken === undefined ? {} : { AWS_SESSION_TOKEN: sessionToken }),
    },
  };
}
