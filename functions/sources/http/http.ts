import { z } from 'zod';
import { type ReadSecret, textOfSecret } from '../../clients/secret-text.ts';
import { UserMistake } from '../../runtime/errors.ts';
import { checkSourceFields, type DeclaredField } from '../../runtime/json/declared-fields.ts';
import { checkerOf, type WireSchema, wireSchemaOf } from '../../runtime/json/wire-schema.ts';
import { requestHandler } from '../../runtime/request-handler.ts';
import { defineSource, type ReceivingSource, type Source } from '../../runtime/source.ts';
import { bearerAuthentication } from './bearer-token.ts';
import { type Reply, RequestRejected, replyToAppend } from './replies.ts';
import { bodyOf, type Request } from './request-body.ts';
import { eventsOf } from './request-events.ts';

const Options = z.strictObject({
  schema: z.record(z.string(), z.unknown()).meta({
    writtenAs: 'a zod schema',
    description:
      "What an event's data must fit: the function checks each event against the schema's wire type. A schema that JSON Schema cannot express is an error when the pipeline is loaded.",
  }),
  type: z.string().min(1).describe('The `type` of events that arrive as bare JSON, in the past tense: `reading.sent`.'),
  key: z.string().min(1).meta({
    writtenAs: 'a field of `schema`',
    description:
      "The field whose value becomes the event's key, unless a CloudEvent has a `partitionkey`. An event with neither takes its own `id` as its key.",
  }),
  time: z.string().min(1).optional().meta({
    writtenAs: 'a field of `schema`',
    otherwise: 'the time the request arrived',
    description:
      'The field of bare JSON that says when the event happened: an RFC 3339 time or date. A CloudEvent uses its own `time`.',
  }),
  callers: z
    .enum(['iam', 'bearer'])
    .default('iam')
    .describe(
      'Who may send events. `iam`: callers whom IAM allows to invoke the function URL; they sign their requests. `bearer`: callers that send the token stored in a secret that the deployment creates for the step; on a laptop, the token is `laptop`.',
    ),
});

const Resources = z.strictObject({
  /** The ARN of the secret whose whole text is the token. Required when `callers` is `bearer`. */
  tokenSecret: z.string().min(1).optional(),
  /** The token itself, in `millrace dev` and in tests. */
  laptopToken: z.string().min(1).optional(),
});

/**
 * Accepts events by POST at a Lambda function URL: a JSON object, an array of them (each element an event), lines of
 * JSON (each line an event), or CloudEvents 1.0 in structured, batch or binary mode, plain or gzip. Data is appended
 * byte for byte as it was sent.
 *
 * - 202 `{ "accepted": n }`: the log has acknowledged all events.
 * - 400: `events` lists each bad event with its index and reason; no event of the request was appended.
 * - 401, 405, 413 (with the limit), 415: the whole request is wrong; no event was appended.
 * - 429 and 503 with Retry-After: the stream throttles, or did not acknowledge. Some events may be in the log. A client
 *   that sends CloudEvents with `source` and `sequence` into a stream that is `idempotent` can send them again without
 *   duplicates.
 *
 * An event without a key, such as a reading of a sensor without an id, gets its own id as its key. A CloudEvent whose
 * source begins with `/<pipeline>/`, for any pipeline of the stage, is rejected: it could pass for an event of a step.
 */
export const httpDefinition = defineSource({
  options: Options,
  resources: Resources,
  open({ step, pipelines, options, resources }): ReceivingSource<Request, Reply> {
    const { type, key, time, callers } = options;
    const fields = { pipelines, type, key, time, check: checkerOf(options.schema as WireSchema) };
    const authenticate = callers === 'iam' ? undefined : bearerAuthentication(tokenOf(resources), step, Date.now);
    return {
      async receive(request, signal) {
        try {
          await authenticate?.(request, signal);
          return { events: eventsOf(request, bodyOf(request), fields), reply: replyToAppend };
        } catch (error) {
          if (!(error instanceof RequestRejected)) throw error;
          return { events: [], reply: () => error.reply };
        }
      },
    };
  },
});

function tokenOf({ tokenSecret, laptopToken }: z.infer<typeof Resources>): ReadSecret {
  if (tokenSecret === undefined && laptopToken !== undefined) return () => Promise.resolve(laptopToken);
  if (tokenSecret === undefined)
    throw new UserMistake(
      `callers is 'bearer', but the resources have no tokenSecret to compare tokens with: deploy the pipeline again`,
    );
  return textOfSecret(tokenSecret, 'token');
}

/**
 * Takes events over HTTP: `httpSource({ schema: RawReading, type: 'reading.sent', key: 'sensor_id' })`.
 * docs/connectors.md explains every option, in the words of `Options`.
 */
export function httpSource<I, W>(
  options: Readonly<Pick<z.input<typeof Options>, 'type' | 'callers'>> & {
    readonly schema: z.ZodType<I, W>;
    readonly key: DeclaredField<W>;
    readonly time?: DeclaredField<W>;
  },
): Source<W> & { readonly connector: 'http' } {
  const schema = wireSchemaOf(options.schema, 'httpSource');
  checkSourceFields('httpSource', schema, options);
  return { connector: 'http', entry: import.meta.url, options: { ...options, schema } };
}

export const handler = requestHandler(httpDefinition);
