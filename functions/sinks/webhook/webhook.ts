import { z } from 'zod';
import { isEndpoint, isHere } from '../../clients/endpoint.ts';
import { type ReadSecret, textOfSecret } from '../../clients/secret-text.ts';
import { UserMistake } from '../../runtime/errors.ts';
import type { ReceivedEvent } from '../../runtime/event.ts';
import { type Sleep, sleepFor } from '../../runtime/log/back-off.ts';
import { defineSink, type OpenSink, type Sink, type SinkDefinition, type Slice } from '../../runtime/sink.ts';
import { sinkHandler } from '../../runtime/sink-handler.ts';
import { parseOrExplain } from '../../runtime/step-config.ts';
import { openGate } from './gate.ts';
import { fieldsOf } from './message.ts';
import { Options, type WebhookOptions } from './options.ts';
import { type Post, postByFetch } from './post.ts';
import { signingKeyIn } from './request.ts';
import { type Sending, sendEvents } from './send-events.ts';

const Resources = z.strictObject({
  /** The ARN of the secret with the URL. Set when the options have none. */
  urlSecret: z.string().min(1).optional(),
  /** The ARN of the secret with the signing key. Set when the options say `signed`. */
  keySecret: z.string().min(1).optional(),
  /** Set on a laptop only: where requests go that would leave this machine, and the signing key. */
  laptop: z.strictObject({ receiver: z.url(), key: z.string().min(1) }).optional(),
});
type Resources = z.infer<typeof Resources>;

/**
 * Sends each event of a stream to a URL, at least once: an event that may have arrived is sent again under the same id.
 *
 * Events of one key are sent one after the other. An event that the receiver refuses becomes a dead letter. When the
 * receiver is away, has no time, or does not accept the sink at all, the step waits.
 */
export const webhookDefinition = webhookOver({ post: postByFetch });

/** Returns the definition over another way to send and to wait, for tests. */
export function webhookOver({
  post,
  sleep = sleepFor,
}: {
  readonly post: Post;
  readonly sleep?: Sleep;
}): SinkDefinition<WebhookOptions, Resources> {
  const sending: Sending = { post, sleep, now: () => Date.now(), random: () => Math.random() };
  return defineSink({
    options: Options,
    resources: Resources,
    into: (options, url) => ({ ...options, url }),
    doubles: () => true,
    mostEvents: eventsInAMinute,
    open({ step, options, resources }): OpenSink {
      const gate = openGate(options.perSecond, sending);
      const address = addressOf(step, options, resources);
      /** What was sent of slices that failed: a delivery that comes back to this process does not send it again. */
      const unfinished = new Map<string, Unfinished>();
      return {
        async write(slice) {
          const events = await eventsOf(slice);
          const { url, key } = await address(slice.signal);
          const { sent } = begun(unfinished, slice);
          const receiver = { ...sending, url, key, gate, options };
          const rejections = await sendEvents(receiver, events, { sent, signal: slice.signal });
          unfinished.delete(slice.shard);
          return rejections;
        },
        // Nobody can look into a receiver: whoever replays says where to.
        isEmpty: async () => true,
      };
    },
  });
}

/** What a portion may have at most, if each answer takes a second: after a crash, a portion is sent again. */
function eventsInAMinute({ concurrency, perSecond = Number.POSITIVE_INFINITY }: WebhookOptions): number {
  return Math.max(1, Math.floor(60 * Math.min(concurrency, perSecond)));
}

interface Unfinished {
  readonly from: string | undefined;
  readonly sent: Set<string>;
}

const MOST_UNFINISHED = 100;

function begun(unfinished: Map<string, Unfinished>, { shard, from }: Slice): Unfinished {
  const before = unfinished.get(shard);
  if (before?.from === from && before !== undefined) return before;
  if (unfinished.size >= MOST_UNFINISHED) unfinished.clear();
  const fresh = { from, sent: new Set<string>() };
  unfinished.set(shard, fresh);
  return fresh;
}

async function eventsOf({ pages, signal }: Slice): Promise<readonly ReceivedEvent[]> {
  const events: ReceivedEvent[] = [];
  for await (const page of pages) events.push(...page);
  signal.throwIfAborted();
  return events;
}

interface Address {
  readonly url: string;
  readonly key: Uint8Array | undefined;
}

/** Secrets are read again for each slice after this time, and after each failure of the step's process. */
const SECRETS_KEPT_MILLIS = 60_000;

/** Returns a function that resolves to the URL and the signing key that are valid now. */
function addressOf(
  step: string,
  { url, signed }: WebhookOptions,
  { urlSecret, keySecret, laptop }: Resources,
): (signal: AbortSignal) => Promise<Address> {
  if (laptop !== undefined) {
    const isLocal = url !== undefined && isHere(new URL(url));
    const key = signed ? signingKeyIn(laptop.key) : undefined;
    return async () => ({ url: isLocal ? url : laptop.receiver, key });
  }
  const readUrl = url === undefined ? secretOf(step, urlSecret, 'URL') : async () => url;
  const readKey = signed ? secretOf(step, keySecret, 'signing key') : undefined;
  let known: { readonly address: Address; readonly untilMillis: number } | undefined;
  return async (signal) => {
    if (known !== undefined && Date.now() < known.untilMillis) return known.address;
    const [to, key] = await Promise.all([readUrl(signal), readKey?.(signal)]);
    if (!isEndpoint(to.trim()))
      throw new Error(`the secret ${urlSecret} is no URL of https: store the receiver's URL as its whole value`);
    const address = { url: to.trim(), key: key === undefined ? undefined : signingKeyIn(key) };
    known = { address, untilMillis: Date.now() + SECRETS_KEPT_MILLIS };
    return address;
  };
}

function secretOf(step: string, secret: string | undefined, what: string): ReadSecret {
  if (secret !== undefined) return textOfSecret(secret, what);
  throw new UserMistake(`step '${step}': its resources name no secret with the ${what}: deploy the pipeline again`);
}

/**
 * Posts each event to a URL: `webhookSink({ url: 'https://example.com/orders' })`. docs/connectors.md explains every
 * option, in the words of `Options`.
 */
export function webhookSink(
  options: Omit<z.input<typeof Options>, 'message' | 'body'> & { readonly body?: 'event' | 'data' } = {},
): Sink<unknown, 'either'> & { readonly connector: 'webhook' } {
  return named(parseOrExplain(Options, options, 'webhookSink'));
}

/**
 * Writes a message into a channel of Slack for each event: `slackSink({ message: 'Order {key}: {data.total} €' })`. The
 * URL of the incoming webhook is in the secret that the deployment makes. One message a second at most, as Slack
 * allows.
 */
export function slackSink(
  options: Pick<z.input<typeof Options>, 'perSecond' | 'timeoutSeconds'> & { readonly message: string },
): Sink<unknown, 'either'> & { readonly connector: 'webhook' } {
  const asWebhook = { perSecond: 1, ...options, body: 'slack', signed: false, concurrency: 1 };
  const parsed = parseOrExplain(Options, asWebhook, 'slackSink');
  // The compiler reads no messages: the check of the pipeline finds a field that the schema does not declare.
  return { ...named(parsed), fields: fieldsOf(options.message) as readonly never[] };
}

function named(options: WebhookOptions) {
  return {
    connector: 'webhook' as const,
    entry: import.meta.url,
    options,
    delivery: 'either' as const,
    // After a crash, a portion is sent again: `millrace status` says "at least once".
    deterministic: false as const,
  };
}

export const handler = sinkHandler(webhookDefinition);
