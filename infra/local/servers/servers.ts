import { type FauxqsServer, startFauxqs } from 'fauxqs';
import { UserMistake } from '../../../functions/runtime/errors.ts';
import { systemClock } from '../../emulator/clock.ts';
import { createLog, type Log } from '../../emulator/log/log.ts';
import { startLogServer } from '../../emulator/log/server.ts';
import { startDynamodb } from './dynamodb-server.ts';
import { type PostgresServer, startPostgres } from './postgres-server.ts';

/** Everything of AWS that a pipeline needs, on 127.0.0.1. */
export interface Servers {
  readonly log: Log;
  readonly kinesis: string;
  readonly dynamodb: string;
  /** S3 and SQS. */
  readonly s3: string;
  readonly sqs: string;
  readonly buckets: FauxqsServer;
  readonly postgres: PostgresServer;
}

/** Ports to listen on; any free one where none is given. */
export interface Ports {
  readonly kinesis?: number;
  readonly dynamodb?: number;
  readonly s3?: number;
  readonly postgres?: number;
}

export const REGION = 'us-east-1';
export const ACCOUNT = '000000000000';

/**
 * Starts all servers at once. What has started is put on `running` at once too, so that whoever gives up meanwhile ends
 * just that. Rejects with the first that does not start.
 */
export async function startServers(ports: Ports, running: AsyncDisposableStack): Promise<Servers> {
  const log = createLog({
    clock: systemClock(),
    seed: Date.now(),
    limits: 'enforced',
    accountId: ACCOUNT,
    region: REGION,
    transitionMillis: 0,
  });
  const [kinesis, dynamodb, buckets, postgres] = await settledTogether([
    guarded('Kinesis', ports.kinesis, async () => {
      const server = await startLogServer(log, { port: ports.kinesis ?? 0, host: '127.0.0.1' });
      running.defer(() => server.close());
      return server.endpoint;
    }),
    guarded('DynamoDB', ports.dynamodb, async () => {
      const server = await startDynamodb(ports.dynamodb);
      running.defer(() => server.stop());
      return server.endpoint;
    }),
    guarded('S3 and SQS', ports.s3, async () => {
      const server = await startFauxqs({
        port: ports.s3 ?? 0,
        host: '127.0.0.1',
        logger: false,
        defaultRegion: REGION,
      });
      running.defer(() => server.stop());
      return server;
    }),
    guarded('Postgres', ports.postgres, async () => {
      const server = await startPostgres(ports.postgres === undefined ? {} : { port: ports.postgres });
      running.defer(() => server.stop());
      return server;
    }),
  ]);
  const s3 = `http://127.0.0.1:${buckets.port}`;
  return { log, kinesis, dynamodb, s3, sqs: s3, buckets, postgres };
}

async function guarded<T>(what: string, port: number | undefined, start: () => Promise<T>): Promise<T> {
  try {
    return await start();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'EADDRINUSE') {
      throw new UserMistake(`port ${port} for ${what} is in use: end what listens there, or give another port`);
    }
    if (code === 'ENOSPC' || /No space left/.test(message)) {
      throw new UserMistake(`there is no space left on the disk for ${what}: free some in the temporary directory`);
    }
    throw new Error(`${what} did not start: ${message}`, { cause: error });
  }
}

/**
 * Waits for all, also when one fails: what starts late must be on the stack before it is unwound. Rejects as the first
 * that failed.
 */
export async function settledTogether<const T extends readonly Promise<unknown>[]>(
  starting: T,
): Promise<{ -readonly [I in keyof T]: Awaited<T[I]> }> {
  await Promise.allSettled(starting);
  return (await Promise.all(starting)) as { -readonly [I in keyof T]: Awaited<T[I]> };
}
