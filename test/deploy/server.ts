import { KinesisClient } from '@aws-sdk/client-kinesis';
import { UserMistake } from '../../functions/runtime/errors.ts';
import { explained } from '../../infra/endpoint/faults.ts';
import { cleanEnvironment, type Environment } from './command.ts';
import { startMiniStack } from './ministack.ts';
import { probeServices } from './probe.ts';

/** A server that stands for AWS, and who calls it. */
export interface Server {
  readonly endpoint: string;
  readonly region: string;
  readonly credentials: {
    readonly accessKeyId: string;
    readonly secretAccessKey: string;
    readonly sessionToken?: string;
  };
  /** For every command. */
  readonly env: Environment;
  /** Its name, for people. */
  readonly what: string;
}

/** The server of `AWS_ENDPOINT_URL`, or a MiniStack that ends with `running`. */
export async function openServer(log: string, running: AsyncDisposableStack): Promise<Server> {
  const given = process.env.AWS_ENDPOINT_URL;
  if (given) return givenServer(given);
  return openMiniStack({ log }, running);
}

/** A MiniStack of our own, called by its root. */
export async function openMiniStack(
  settings: { readonly log: string; readonly env?: Environment },
  running: AsyncDisposableStack,
): Promise<Server> {
  const endpoint = await startMiniStack(settings, running);
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
  return serverOf({ endpoint, region: 'us-east-1', credentials, what: `MiniStack at ${endpoint}` });
}

async function givenServer(endpoint: string): Promise<Server> {
  const { credentials, region } = await callerOf(endpoint);
  await probeServices({ endpoint, region, credentials });
  return serverOf({ endpoint, region, credentials, what: endpoint });
}

/** Whoever the AWS tools would be: by the environment, a profile, or the machine. */
async function callerOf(endpoint: string): Promise<Pick<Server, 'credentials' | 'region'>> {
  const { config } = new KinesisClient({ endpoint });
  try {
    const { accessKeyId, secretAccessKey, sessionToken } = await config.credentials();
    const credentials = { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) };
    return { credentials, region: await config.region() };
  } catch (error) {
    throw explained(error, endpoint);
  }
}

function serverOf(server: Omit<Server, 'env'>): Server {
  const { endpoint, region, credentials } = server;
  if (endpoint.endsWith('/'))
    throw new UserMistake(`AWS_ENDPOINT_URL is '${endpoint}': leave out the slash at its end`);
  const { accessKeyId, secretAccessKey, sessionToken } = credentials;
  return {
    ...server,
    env: {
      ...cleanEnvironment(),
      AWS_ENDPOINT_URL: endpoint,
      AWS_REGION: region,
      AWS_DEFAULT_REGION: region,
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: secretAccessKey,
      ...(sessionToken === undefined ? {} : { AWS_SESSION_TOKEN: sessionToken }),
    },
  };
}
