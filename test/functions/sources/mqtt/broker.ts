import { createServer, type Socket } from 'node:net';
import { Aedes, type AedesOptions } from 'aedes';

/** A real MQTT broker on 127.0.0.1, in this process. */
export interface Broker {
  readonly url: string;
  /** The messages that were acknowledged, as texts. */
  readonly acknowledged: readonly string[];
  /** How often clients have subscribed to a filter. */
  readonly subscriptions: readonly string[];
  publish(topic: string, payload: string, more?: { qos?: 0 | 1; retain?: boolean }): Promise<void>;
  /** Ends the clients' connections, as a network does. */
  cutOff(): void;
  /** Forgets all sessions. */
  forget(): Promise<void>;
  stop(): Promise<void>;
}

export async function startBroker(options: AedesOptions = {}): Promise<Broker> {
  const acknowledged: string[] = [];
  const subscriptions: string[] = [];
  let aedes = await open();
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => undefined);
    aedes.handle(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  const cutOff = (): void => {
    for (const socket of sockets) socket.destroy();
  };

  async function open(): Promise<Aedes> {
    const made = await Aedes.createBroker(options);
    made.on('ack', (packet) => {
      if (packet && 'payload' in packet) acknowledged.push(String(packet.payload));
    });
    made.on('subscribe', (wanted) => subscriptions.push(...wanted.map(({ topic }) => topic)));
    return made;
  }

  return {
    url: `mqtt://127.0.0.1:${port}`,
    acknowledged,
    subscriptions,
    publish: (topic, payload, { qos = 1, retain = false } = {}) =>
      new Promise((resolve, reject) => {
        aedes.publish({ cmd: 'publish', topic, payload: Buffer.from(payload), qos, retain, dup: false }, (error) =>
          error ? reject(error) : resolve(),
        );
      }),
    cutOff,
    async forget() {
      cutOff();
      await new Promise<void>((resolve) => aedes.close(() => resolve()));
      aedes = await open();
    },
    async stop() {
      cutOff();
      await new Promise<void>((resolve) => aedes.close(() => resolve()));
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
