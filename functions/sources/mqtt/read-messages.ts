import { z } from 'zod';
import { EventRejected } from '../../runtime/errors.ts';
import { encodeOrdered } from '../../runtime/position.ts';
import type { Rejection } from '../../runtime/rejection.ts';
import type { PulledEvent, PulledPage, PullTurn } from '../../runtime/source.ts';
import { type Broker, type Login, type Message, openBroker } from './broker.ts';
import { eventOf, type MessageShape } from './message-event.ts';

/** A position: the number of the run, and what the broker's session is subscribed to. */
export const MessagePosition = z.strictObject({
  run: z.int().min(1),
  topic: z.string().exactOptional(),
  /** When the last page was read. */
  at: z.iso.datetime(),
});
export type MessagePosition = z.infer<typeof MessagePosition>;

type Page = PulledPage<MessagePosition>;

export interface MessageReader {
  readonly login: () => Promise<Login>;
  /** The filter to subscribe to. */
  readonly topic: string;
  readonly shape: MessageShape;
  now(): number;
}

/**
 * Yields the messages that the broker sends, and acknowledges them when the next page is asked for: then they are in
 * the log. What a run that dies has not acknowledged, the broker delivers again, in no place that anybody could know.
 * So each run is a generation of its own: no message takes the place of another one.
 */
export async function* readMessages(
  { login: loginOf, topic, shape, now }: MessageReader,
  from: MessagePosition | undefined,
  turn: PullTurn,
): AsyncGenerator<Page> {
  const { ending, signal } = turn;
  const login = await loginOf();
  const broker = await openBroker(login, signal);
  const timeNow = () => new Date(now()).toISOString();
  const run = (from?.run ?? 0) + 1;
  try {
    yield beginning(from, { run, at: timeNow(), broker, login });
    const position = () => ({ run, topic, at: timeNow() });
    await subscribe(broker, { wanted: topic, has: broker.hadSession ? from?.topic : undefined });
    yield { events: [], rejections: [], position: position(), generation: run };
    for (let next = 0; !ending.aborted; ) {
      const messages = await broker.take(turn.most, ending);
      signal.throwIfAborted();
      if (messages.length === 0) continue;
      const at = timeNow();
      yield { ...pageOf(messages, { shape, first: next, at }), position: position(), generation: run };
      broker.acknowledge(messages);
      next += messages.length;
    }
  } finally {
    broker.close();
  }
}

/** Stores the number of the run before it reads, and a dead letter if the broker has forgotten the session. */
function beginning(
  from: MessagePosition | undefined,
  {
    run,
    at,
    broker,
    login,
  }: { readonly run: number; readonly at: string; readonly broker: Broker; readonly login: Login },
): Page {
  const isLost = from?.topic !== undefined && !broker.hadSession;
  const message = `the broker ${login.url} has forgotten the session of '${login.clientId}': messages of '${from?.topic}' from ${from?.at} to ${at} may be missing; let it keep sessions for longer than the source may stand still`;
  const lost: Rejection = { at: placeOf(0), reason: 'expired', message, bytes: new Uint8Array() };
  return {
    events: [],
    rejections: isLost ? [lost] : [],
    position: { run, at, ...(from?.topic === undefined ? {} : { topic: from.topic }) },
    generation: run,
  };
}

/** A broker sends retained messages at each subscription, so a session that has it already does not subscribe again. */
async function subscribe(
  broker: Broker,
  { wanted, has }: { readonly wanted: string; readonly has: string | undefined },
): Promise<void> {
  if (has === wanted) return;
  if (has !== undefined) await broker.unsubscribe(has);
  await broker.subscribe(wanted);
}

function pageOf(
  messages: readonly Message[],
  { shape, first, at }: { readonly shape: MessageShape; readonly first: number; readonly at: string },
): Pick<Page, 'events' | 'rejections'> {
  const events: PulledEvent[] = [];
  const rejections: Rejection[] = [];
  for (const [index, message] of messages.entries()) {
    const place = placeOf(first + index);
    try {
      events.push(eventOf(message, shape, { place, at }));
    } catch (error) {
      if (!(error instanceof EventRejected)) throw error;
      const { reason, message: why } = error;
      rejections.push({ at: place, reason, message: why, bytes: message.payload, origin: { topic: message.topic } });
    }
  }
  return { events, rejections };
}

/** The width of a place, which has 48 bits. */
function placeOf(number: number): string {
  return encodeOrdered(number, 8);
}
