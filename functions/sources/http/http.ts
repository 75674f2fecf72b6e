import { z } from 'zod';
import { UserMistake } from '../../runtime/errors.ts';
import { checkerOf, type WireSchema, wireSchemaOf } from '../../runtime/json/wire-schema.ts';
import { requestHandler } from '../../runtime/request-handler.ts';
import { defineSource, type ReceivingSource, type Source } from '../../runtime/source.ts';
import { bearerAuthentication, tokenInSecret } from './bearer-token.ts';
import { type Reply, RequestRefused, replyToAppend } from './replies.ts';
import { bodyOf, type Request } from './request-body.ts';
import { eventsOf } from './request-events.ts';

const Options = z.strictObject({
  /** What an event's data has to fit, as JSON Schema. */
  schema: z.record(z.string(), z.unknown()),
  /** The type of events that are sent as bare JSON: `reading.sent`. */
  type: z.string().min(1),
  /** The field whose value is the event's key, where a CloudEvent has no `partitionkey`. */
  key: z.string().min(1),
  /**
   * The field of bare JSON that says when it happened: an RFC 3339 time or date. Not given: when the request arrived.
   */
  time: z.string().min(1).optional(),
  /** `iam`: Lambda lets only signed requests through. `bearer`: the source checks a token. */
  callers: z.enum(['iam', 'bearer']).default('iam'),
});

const Resources = z.strictObject({
  /** The secret whose whole text is the token; where `callers` is `bearer`. */
  tokenSecret: z.string().min(1).optional(),
});

/**
 * A Lambda function URL takes events by POST: a JSON object, an array of them (each element an event), or CloudEvents
 * 1.0 in structured, batch or binary mode, plain or gzip. Data is passed on byte by byte as it came.
 *
 * - 202 `{ "accepted": n }`: the log has acknowledged all of them.
 * - 400: `events` lists each bad one with its index and reason; none of the request was taken.
 * - 401, 405, 413 (with the limit), 415: the request is at fault as a whole; nothing was taken.
 * - 429 and 503 with Retry-After: the stream throttles, or did not acknowledge. Some may be in the log: who sends
 *   CloudEvents with `source` and `sequence` into a stream that is `idempotent` can send them again without doubling
 *   them.
 *
 * An event without a key, such as a reading of a sensor without an id, gets its own id as key. A source that begins
 * with `/<this pipeline>/` is refused: it could pass for one of our own steps.
 */
export const httpDefinition = defineSource({
  options: Options,
  resources: Resources,
  open({ step, options, resources }): ReceivingSource<Request, Reply> {
    const { type, key, time, callers } = options;
    const [pipeline = ''] = step.split('/');
    const fields = { pipeline, type, key, time, check: checkerOf(options.schema as WireSchema) };
    const authenticate = callers === 'iam' ? undefined : bearerAuthentication(tokenOf(resources), step, Date.now);
    return {
      async receive(request, signal) {
        try {
          await authenticate?.(request, signal);
          return { events: eventsOf(request, bodyOf(request), fields), reply: replyToAppend };
        } catch (error) {
          if (!(error instanceof RequestRefused)) throw error;
          return { events: [], reply: () => error.reply };
        }
      },
    };
  },
});

function tokenOf({ tokenSecret }: z.infer<typeof Resources>) {
  if (tokenSecret === undefined)
    throw new UserMistake(`the source checks bearer tokens, and its resources name no tokenSecret to compare with`);
  return tokenInSecret(tokenSecret);
}

/** Takes events over HTTP: `httpSource({ schema: RawReading, type: 'reading.sent', key: 'sensor_id' })`. */
export function httpSource<I, W>(options: {
  /** What data has to fit. It is checked by its wire type: a schema that JSON Schema cannot express is refused here. */
  readonly schema: z.ZodType<I, W>;
  /** The type of events that are sent as bare JSON: `reading.sent`. */
  readonly type: string;
  /** Without a value in this field, an event's key is its own id. */
  readonly key: keyof W & string;
  /** Not given: when the request arrived. */
  readonly time?: keyof W & string;
  /**
   * Who may send: those whom IAM allows when not given; `bearer`: who has the token that is kept in Secrets Manager.
   */
  readonly callers?: 'iam' | 'bearer';
}): Source<W> & { readonly connector: 'http' } {
  const schema = wireSchemaOf(options.schema, 'httpSource');
  return { connector: 'http', entry: import.meta.url, options: { ...options, schema } };
}

export const handler = requestHandler(httpDefinition);
