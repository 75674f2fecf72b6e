import type { Server as HttpServer } from 'node:http';
import { createServer, type Server } from 'node:net';

/**
 * A port of 127.0.0.1 that nobody listens on at this moment: this one, or any. Rejects with `EADDRINUSE` when this one
 * is taken.
 */
export async function freePort(wanted = 0): Promise<number> {
  const server = createServer();
  await listen(server, wanted);
  const port = portOf(server);
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Listens on 127.0.0.1. Rejects with the system's error: `EADDRINUSE` where somebody else does. */
export function listen(server: Pick<Server, 'listen' | 'once' | 'off'>, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      server.off('error', reject);
      resolve();
    });
  });
}

export function portOf(server: Pick<Server, 'address'>): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a server that does not listen has no port');
  return address.port;
}

/** Ends a server with the connections that clients keep open. */
export function closed(server: HttpServer): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
