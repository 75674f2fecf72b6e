import { connect as connectTcp, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import { generate, type IConnackPacket, type Packet, parser } from 'mqtt-packet';
import { UserMistake } from '../../runtime/errors.ts';

/** Where a broker is, and as whom to log in. */
export interface Login {
  /** `mqtts://host:8883`, or `mqtt://host:1883` without TLS. */
  readonly url: string;
  /** The broker keeps the session, and what was not acknowledged, under this name. One client has it at a time. */
  readonly clientId: string;
  readonly username: string | undefined;
  readonly password: string | undefined;
}

/** A message that the broker has sent and that is not acknowledged yet. */
export interface Message {
  readonly topic: string;
  readonly payload: Buffer;
  /** Undefined: it was published without any promise (QoS 0), and there is nothing to acknowledge. */
  readonly messageId: number | undefined;
}

/**
 * A connection with a session that the broker keeps. MQTT.js would hand over a message only after it has acknowledged
 * the one before; here a whole page is acknowledged at once, when it is durable.
 */
export interface Broker {
  /** True when the broker still had the session. */
  readonly hadSession: boolean;
  /** Throws a `UserMistake` when the broker refuses the filter. */
  subscribe(filter: string): Promise<void>;
  unsubscribe(filter: string): Promise<void>;
  /**
   * Waits for a message, and resolves to it and those that come right behind it. Resolves to none when `until` aborts.
   * Throws when the connection has ended.
   */
  take(most: number, until: AbortSignal): Promise<readonly Message[]>;
  acknowledge(messages: readonly Message[]): void;
  /** Ends the connection; the broker keeps the session. */
  close(): void;
}

const KEEPALIVE_SECONDS = 30;
const ANSWER_MILLIS = 10_000;
/** Messages that come within this time of each other go into one page. */
const GATHER_MILLIS = 20;
const LONGEST_GATHER_MILLIS = 500;
const PAGE_BYTES = 4 * 1024 * 1024;
/** The broker is not read any further while so much waits. */
const WAITING_BYTES = 16 * 1024 * 1024;

/** Connects and logs in. Throws a `UserMistake` that says what to do when the broker refuses. */
export async function openBroker(login: Login, signal: AbortSignal): Promise<Broker> {
  const socket = await openSocket(login.url, signal);
  const waiting: Message[] = [];
  let bytes = 0;
  let ended: Error | undefined;
  let wake: () => void = () => undefined;
  let nextId = 0;
  const answers = new Map<string, (packet: Packet) => void>();
  const parse = parser({ protocolVersion: 4 });
  const send = (packet: Packet): void => {
    if (ended === undefined) socket.write(generate(packet));
  };
  const end = (error: Error): void => {
    ended ??= error;
    clearInterval(ping);
    socket.destroy();
    for (const answer of answers.values()) answer({ cmd: 'disconnect' });
    wake();
  };
  const answerOf = (name: string): Promise<Packet> => {
    const { promise, resolve, reject } = Promise.withResolvers<Packet>();
    const late = setTimeout(
      () => reject(new Error(`the broker ${login.url} did not answer within 10 s`)),
      ANSWER_MILLIS,
    );
    answers.set(name, resolve);
    return promise.finally(() => {
      clearTimeout(late);
      answers.delete(name);
    });
  };
  let isAlive = true;
  const ping = setInterval(
    () => {
      if (!isAlive) end(new Error(`the broker ${login.url} has not answered for ${KEEPALIVE_SECONDS / 2} s`));
      isAlive = false;
      send({ cmd: 'pingreq' });
    },
    (KEEPALIVE_SECONDS * 1_000) / 2,
  );

  parse.on('packet', (packet: Packet) => {
    isAlive = true;
    if (packet.cmd === 'publish') {
      const payload = Buffer.from(packet.payload);
      waiting.push({ topic: packet.topic, payload, messageId: packet.qos === 0 ? undefined : packet.messageId });
      bytes += payload.length;
      if (bytes > WAITING_BYTES) socket.pause();
      wake();
    } else answers.get(packet.cmd === 'connack' ? 'connack' : `${packet.messageId}`)?.(packet);
  });
  parse.on('error', (error: Error) => end(new Error(`the broker ${login.url} does not speak MQTT: ${error.message}`)));
  socket.on('data', (chunk) => parse.parse(chunk));
  socket.on('error', (error) => end(new Error(`the connection to the broker ${login.url} failed: ${error.message}`)));
  socket.on('close', () =>
    end(
      new Error(
        `the broker ${login.url} closed the connection: if it does so again and again, another client has the client id '${login.clientId}'`,
      ),
    ),
  );
  const abort = (): void => end(signal.reason as Error);
  signal.addEventListener('abort', abort, { once: true });

  const request = async (packet: Packet & { messageId: number }): Promise<Packet> => {
    const answer = answerOf(`${packet.messageId}`);
    send(packet);
    const answered = await answer;
    if (ended !== undefined) throw ended;
    return answered;
  };

  /** Waits until a message is there, the connection has ended, or `until` aborts. */
  const first = async (until: AbortSignal): Promise<void> => {
    if (waiting.length > 0 || ended !== undefined || until.aborted) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    wake = resolve;
    until.addEventListener('abort', resolve as () => void, { once: true });
    await promise;
    until.removeEventListener('abort', resolve as () => void);
  };

  try {
    const answer = answerOf('connack');
    send({
      cmd: 'connect',
      protocolId: 'MQTT',
      protocolVersion: 4,
      clean: false,
      clientId: login.clientId,
      keepalive: KEEPALIVE_SECONDS,
      ...(login.username === undefined ? {} : { username: login.username }),
      ...(login.password === undefined ? {} : { password: Buffer.from(login.password) }),
    });
    const answered = await answer;
    if (ended !== undefined) throw ended;
    const { returnCode = 0, sessionPresent } = answered as IConnackPacket;
    if (returnCode !== 0) throw refusal(login, returnCode);
    return {
      hadSession: sessionPresent,
      async subscribe(filter) {
        const messageId = ++nextId;
        const answered = await request({ cmd: 'subscribe', messageId, subscriptions: [{ topic: filter, qos: 1 }] });
        const [granted] = answered.cmd === 'suback' ? answered.granted : [];
        if (granted === undefined || Number(granted) > 1)
          throw new UserMistake(
            `the broker ${login.url} refuses the subscription to '${filter}': let the user ${login.username ?? 'without a name'} read these topics`,
          );
      },
      async unsubscribe(filter) {
        await request({ cmd: 'unsubscribe', messageId: ++nextId, unsubscriptions: [filter] });
      },
      async take(most, until) {
        await first(until);
        const lastMillis = Date.now() + LONGEST_GATHER_MILLIS;
        for (let before = 0; before < waiting.length && waiting.length < most && bytes < PAGE_BYTES; ) {
          if (Date.now() > lastMillis) break;
          before = waiting.length;
          await delay(GATHER_MILLIS);
        }
        if (waiting.length === 0 && ended !== undefined) throw ended;
        let size = 0;
        const count = waiting.findIndex(({ payload }, index) => {
          size += payload.length;
          return index === most || (index > 0 && size > PAGE_BYTES);
        });
        const taken = waiting.splice(0, count === -1 ? waiting.length : count);
        bytes -= taken.reduce((sum, { payload }) => sum + payload.length, 0);
        if (bytes <= WAITING_BYTES) socket.resume();
        return taken;
      },
      acknowledge(messages) {
        for (const { messageId } of messages) if (messageId !== undefined) send({ cmd: 'puback', messageId });
      },
      close() {
        signal.removeEventListener('abort', abort);
        send({ cmd: 'disconnect' });
        clearInterval(ping);
        socket.removeAllListeners('close');
        ended ??= new Error('the connection was closed');
        socket.end();
      },
    };
  } catch (error) {
    signal.removeEventListener('abort', abort);
    end(error as Error);
    throw error;
  }
}

function openSocket(url: string, signal: AbortSignal): Promise<Socket> {
  const { hostname: host, port, protocol } = new URL(url);
  const isTls = protocol === 'mqtts:';
  const address = { host, port: port === '' ? (isTls ? 8_883 : 1_883) : Number(port) };
  return new Promise((resolve, reject) => {
    const socket = isTls ? connectTls({ ...address, servername: host }) : connectTcp(address);
    const fail = (error: Error): void => {
      socket.destroy();
      reject(
        new Error(
          `the broker ${url} cannot be reached: ${error.message}: is it running, and may this function reach it?`,
        ),
      );
    };
    socket.setTimeout(ANSWER_MILLIS, () => fail(new Error('no connection within 10 s')));
    socket.once('error', fail);
    signal.addEventListener('abort', () => fail(signal.reason as Error), { once: true });
    socket.once(isTls ? 'secureConnect' : 'connect', () => {
      socket.setTimeout(0);
      socket.off('error', fail);
      resolve(socket);
    });
  });
}

/** Says what a broker means by the return code of CONNACK (MQTT 3.1.1, 3.2.2.3). */
function refusal({ url, clientId, username }: Login, code: number): Error {
  switch (code) {
    case 1:
      return new UserMistake(`the broker ${url} does not speak MQTT 3.1.1: use another one`);
    case 2:
      return new UserMistake(
        `the broker ${url} refuses the client id '${clientId}': choose another one, clientId: '…'`,
      );
    case 4:
    case 5:
      return new UserMistake(
        username === undefined
          ? `the broker ${url} refuses a client without a user: give username, and put the password into the step's secret`
          : `the broker ${url} refuses the user '${username}': check the password in the step's secret, and that the user may connect as '${clientId}'`,
      );
    default:
      return new Error(`the broker ${url} cannot serve now (return code ${code}): the next run tries again`);
  }
}
