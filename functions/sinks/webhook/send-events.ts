import type { ReceivedEvent } from '../../runtime/event.ts';
import { backOffMillis, type Sleep } from '../../runtime/log/back-off.ts';
import { type Rejection, rejectionOf } from '../../runtime/rejection.ts';
import { verdictOf } from './answer.ts';
import type { Gate } from './gate.ts';
import type { WebhookOptions } from './options.ts';
import type { Post } from './post.ts';
import { requestOf, signatureOf } from './request.ts';

/** What sending needs from outside. Tests give it a receiver and a clock of their own. */
export interface Sending {
  readonly post: Post;
  readonly now: () => number;
  readonly sleep: Sleep;
  readonly random: () => number;
}

export interface Receiver extends Sending {
  readonly url: string;
  /** Undefined: requests are not signed. */
  readonly key: Uint8Array | undefined;
  readonly gate: Gate;
  readonly options: WebhookOptions;
}

/**
 * Sends events, those of one key one after the other, and resolves to the rejected ones, in the order of the log, once
 * the receiver has answered for all. `sent` has the positions that were sent before, and gets the others. The first
 * failure aborts the other requests; when this throws, none is in flight.
 */
export async function sendEvents(
  receiver: Receiver,
  events: readonly ReceivedEvent[],
  { sent, signal }: { readonly sent: Set<string>; readonly signal: AbortSignal },
): Promise<readonly Rejection[]> {
  const failed = new AbortController();
  const either = AbortSignal.any([signal, failed.signal]);
  const queues = byKey(events.filter(({ position }) => !sent.has(position))).values();
  const rejections: Rejection[] = [];
  const work = async (): Promise<void> => {
    for (const queue of queues)
      for (const event of queue) {
        const message = await sendUntilAnswered(receiver, event, either);
        if (message === undefined) sent.add(event.position);
        else rejections.push(rejectionOf(event, { reason: 'refused', message }));
      }
  };
  const workers = Array.from({ length: receiver.options.concurrency }, () =>
    work().catch((error: unknown) => failed.abort(error)),
  );
  await Promise.all(workers);
  either.throwIfAborted();
  return rejections.toSorted((a, b) => (a.at < b.at ? -1 : 1));
}

function byKey(events: readonly ReceivedEvent[]): ReadonlyMap<string, readonly ReceivedEvent[]> {
  return Map.groupBy(events, ({ key }) => key);
}

const ATTEMPTS = 5;
/** A receiver that has no time needs more of it than a connection that broke. */
const BACK_OFF_FROM = 2;

/** Sends one event, again if need be. Resolves to the reason when the receiver refuses it. */
async function sendUntilAnswered(
  receiver: Receiver,
  event: ReceivedEvent,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { gate, sleep, random } = receiver;
  const request = requestOf(event, receiver.options);
  for (let attempt = 1; ; attempt++) {
    await gate.pass(signal);
    const verdict = await attemptOf(receiver, request, signal);
    if (verdict.kind === 'done') return undefined;
    if (verdict.kind === 'refused') return verdict.message;
    if (verdict.kind === 'wait' || attempt === ATTEMPTS)
      throw new Error(`the receiver at ${new URL(receiver.url).origin} ${verdict.why}${timesOf(attempt)}`);
    if (verdict.afterMillis === undefined) await sleep(backOffMillis(attempt + BACK_OFF_FROM, random), signal);
    else gate.closeFor(verdict.afterMillis);
  }
}

function timesOf(attempt: number): string {
  return attempt === 1 ? '' : ` (attempt ${attempt})`;
}

async function attemptOf(receiver: Receiver, request: ReturnType<typeof requestOf>, signal: AbortSignal) {
  const { url, key, post, now, options } = receiver;
  const signature = key === undefined ? {} : signatureOf(request, { key, nowMillis: now() });
  const timeout = AbortSignal.timeout(options.timeoutSeconds * 1_000);
  const { body } = request;
  try {
    const answer = await post(
      url,
      { headers: { ...request.headers, ...signature }, body },
      AbortSignal.any([signal, timeout]),
    );
    return verdictOf(answer, now());
  } catch (error) {
    signal.throwIfAborted();
    const why = timeout.aborted ? `did not answer within ${options.timeoutSeconds} s` : failureText(error);
    return { kind: 'again' as const, why, afterMillis: undefined };
  }
}

/** `fetch` says no more than that it failed; the cause says why. */
function failureText(error: unknown): string {
  const { message, cause } = error as { readonly message?: string; readonly cause?: { readonly code?: string } };
  return `is not reached: ${cause?.code ?? message ?? String(error)}`;
}
