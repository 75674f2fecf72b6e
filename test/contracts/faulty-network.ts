import { connect, createServer, type Socket } from 'node:net';

/** A proxy in front of a server on this machine, whose connections can be cut at the worst moment. */
export interface FaultyNetwork {
  readonly port: number;
  /**
   * Cuts every connection when the client sends `text` for the `nth` time: before the server receives it, or after the
   * server has acted and begins to reply. Nothing gets through until `heal`.
   */
  cut(when: 'before' | 'after', at: { readonly text: string; readonly nth: number }): void;
  /** From now on drops everything on the existing connections, without closing them. */
  fallSilent(): void;
  /** Lets traffic through again. Throws when nothing was cut since `cut` was called. */
  heal(): void;
  stop(): Promise<void>;
}

export async function startFaultyNetwork(serverPort: number): Promise<FaultyNetwork> {
  const sockets = new Set<Socket>();
  let armed: { readonly when: 'before' | 'after'; readonly text: string; nth: number } | undefined;
  let isDown = false;

  /** Connections with a lower number are silent. */
  let firstAudible = 0;
  let connections = 0;

  const goDown = (): void => {
    isDown = true;
    armed = undefined;
    for (const socket of sockets) socket.destroy();
  };

  const server = createServer((client) => {
    if (isDown) {
      client.destroy();
      return;
    }
    const upstream = connect(serverPort, '127.0.0.1');
    const connection = connections++;
    let losesAnswer = false;
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        sockets.delete(socket);
        client.destroy();
        upstream.destroy();
      });
    }
    client.on('data', (chunk) => {
      if (connection < firstAudible) return;
      if (armed !== undefined && chunk.includes(armed.text)) armed.nth--;
      if (armed?.nth === 0) {
        if (armed.when === 'before') return goDown();
        losesAnswer = true;
        armed = undefined;
      }
      upstream.write(chunk);
    });
    upstream.on('data', (chunk) => {
      if (losesAnswer) goDown();
      else client.write(chunk);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the faulty network has no port');

  return {
    port: address.port,
    cut(when, at) {
      armed = { when, ...at };
    },
    fallSilent() {
      firstAudible = connections;
    },
    heal() {
      if (!isDown) throw new Error('the network was not cut: the client never sent the text of cut()');
      isDown = false;
    },
    async stop() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
