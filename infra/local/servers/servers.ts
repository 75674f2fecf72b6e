import { UserMistake } from '../../../functions/runtime/errors.ts';
import { systemClock } from '../../emulator/clock.ts';
import { createLog, type Log } from '../../emulator/log/log.ts';
import { startLogServer } from '../../emulator/log/server.ts';
import { ACCOUNT, REGION } from '../target.ts';
import { startDynamodb } from './dynamodb-server.ts';
import { type PostgresServer, startPostgres } from './postgres-server.ts';
import { type SearchServer, startSearchServer } from './search-server.ts';
import { type StorageServer, startStorage } from './storage-server.ts';
import { refusalOfWebPage } from './web-pages.ts';
import { startWebhookReceiver, type WebhookReceiver } from './webhook-receiver.ts';

/** The servers that a pipeline needs, on 127.0.0.1. */
export interface Servers {
  readonly log: Log;
  readonly kinesis: string;
  readonly dynamodb: string;
  readonly s3: string;
  readonly sqs: string;
  /** The server of both S3 and SQS. */
  readonly storage: StorageServer;
  readonly postgres: PostgresServer;
  readonly webhooks: WebhookReceiver;
  readonly search: SearchServer;
}

/** Ports to listen on. A port that is not given is any free one. */
export interface Ports {
  readonly kinesis?: number;
  readonly dynamodb?: number;
  readonly s3?: number;
  readonly postgres?: number;
}

/**
 * Starts all servers in parallel, and adds each to `running` as soon as it has started, so that an interrupted start
 * can be undone. Rejects with the error of the first server that does not start.
 */
export async function startServers(
  { ports, onNotice }: { readonly ports: Ports; readonly onNotice?: (line: string) => void },
  running: AsyncDisposableStack,
): Promise<Servers> {
  const log = createLog({
    clock: systemClock(),
    seed: Date.now(),
    limits: 'enforced',
    accountId: ACCOUNT,
    region: REGION,
    transitionMillis: 0,
  });
  const [kinesis, dynamodb, storage, postgres, webhooks, search] = await settledTogether([
    startServer('Kinesis', ports.kinesis, async () => {
      const server = await startLogServer(log, {
        port: ports.kinesis ?? 0,
        host: '127.0.0.1',
        refusalOf: refusalOfWebPage,
      });
      running.defer(() => server.close());
      return server.endpoint;
    }),
    startServer('DynamoDB', ports.dynamodb, async () => {
      const server = await startDynamodb(ports.dynamodb);
      running.defer(() => server.stop());
      return server.endpoint;
    }),
    startServer('S3 and SQS', ports.s3, async () => {
      const server = await startStorage({ region: REGION, ...(ports.s3 === undefined ? {} : { port: ports.s3 }) });
      running.defer(() => server.stop());
      return server;
    }),
    startServer('Postgres', ports.postgres, async () => {
      const server = await startPostgres({
        ...(ports.postgres === undefined ? {} : { port: ports.postgres }),
        ...(onNotice === undefined ? {} : { onNotice }),
      });
      running.defer(() => server.stop());
      return server;
    }),
    startServer('webhooks', undefined, async () => {
      const server = await startWebhookReceiver();
      running.defer(() => server.stop());
      return server;
    }),
    startServer('OpenSearch', undefined, async () => {
      const server = await startSearchServer();
      running.defer(() => server.stop());
      return server;
    }),
  ]);
  return { log, kinesis, dynamodb, s3: storage.endpoint, sqs: storage.endpoint, storage, postgres, webhooks, search };
}

/** Starts one server. An error that somebody can mend becomes one line that says how. */
export async function startServer<T>(what: string, port: number | undefined, start: () => Promise<T>): Promise<T> {
  try {
    return await start();
  } catch (error) {
    if (error instanceof UserMistake) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'EADDRINUSE') {
      throw new UserMistake(
        `port ${port} for ${what} is in use: stop the process that listens on it, or choose another port`,
      );
    }
    if (code === 'ENOSPC' || /No space left/.test(message)) {
      throw new UserMistake(`no space is left on the disk for ${what}: free some in the temporary directory`);
    }
    throw new Error(`${what} did not start: ${message}`, { cause: error });
  }
}

/**
 * Waits for all promises, even when one rejects: a server that starts late must be on the stack before the stack is
 * unwound. Rejects as the first rejected promise.
 */
export async function settledTogether<const T extends readonly Promise<unknown>[]>(
  starting: T,
): Promise<{ -readonly [I in keyof T]: Awaited<T[I]> }> {
  await Promise.allSettled(starting);
  return (await Promise.all(starting)) as { -readonly [I in keyof T]: Awaited<T[I]> };
}
