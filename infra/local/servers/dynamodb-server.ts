import type { RequestListener, Server } from 'node:http';
import { createRequire } from 'node:module';
import { closed, listen, portOf } from './listening.ts';
import { refusingWebPages } from './web-pages.ts';

/** DynamoDB on 127.0.0.1, in memory: conditional single-item writes, no transactions. */
export interface DynamodbServer {
  readonly endpoint: string;
  stop(): Promise<void>;
}

/** Starts the server. Any free port when none is given. */
export async function startDynamodb(port = 0): Promise<DynamodbServer> {
  const server = dynalite({ createTableMs: 0, deleteTableMs: 0, updateTableMs: 0 });
  const [answer] = server.listeners('request') as [RequestListener];
  server.removeAllListeners('request').on('request', refusingWebPages(answer));
  await listen(server, port);
  return { endpoint: `http://127.0.0.1:${portOf(server)}`, stop: () => closed(server) };
}

/** dynalite comes without types. */
const dynalite = createRequire(import.meta.url)('dynalite') as (options: {
  readonly createTableMs: number;
  readonly deleteTableMs: number;
  readonly updateTableMs: number;
}) => Server;
