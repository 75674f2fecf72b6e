import type { Server as HttpServer } from 'node:http';
import { createServer, type Server } from 'node:net';

/**
 * Finds a port of 127.0.0.1 that is free at this moment: the given one, or any. Rejects with `EADDRINUSE` when the
 * given one is in use.
 */
export async function freePort(preferred = 0): Promise<number> {
  const server = createServer();
  await listen(server, preferred);
  const port = portOf(server);
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Listens on 127.0.0.1. Rejects with the system's error, such as `EADDRINUSE` when the port is in use. */
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
  if (address === null || typeof address === 'string') throw new Error('the server does not listen, so it has no port');
  return address.port;
}

/** Closes a server, and the connections that clients keep open. */
export function closed(server: HttpServer): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
