import { z } from 'zod';
import { isEndpoint } from '../../clients/endpoint.ts';
import { LONGEST_MESSAGE, messageFault } from './message.ts';

const LONGEST_URL = 2_048;
const MOST_HEADERS = 20;

const HEADER_NAME = /^[\w!#$%&'*+.^`|~-]{1,100}$/;

/** Headers that the sink itself, or HTTP, sets. */
const RESERVED = /^(webhook-.*|ce-.*|idempotency-key|content-.*|host|connection|transfer-encoding|expect|te|upgrade)$/;

export const Options = z
  .strictObject({
    url: z
      .string()
      .max(LONGEST_URL)
      .refine(isEndpoint, 'is a URL of https, without a user, a password or a #')
      .optional()
      .meta({
        otherwise: 'the URL is the value of a secret that the deployment makes, `…--url`',
        description:
          'Where the requests go. Leave it out when whoever knows the URL may send: then you store it in the secret that the deployment makes. Redirects are not followed.',
      }),
    body: z
      .enum(['event', 'data', 'slack'])
      .default('event')
      .describe(
        "What a request carries. `event`: the whole CloudEvent (`application/cloudevents+json`). `data`: the event's data, its attributes in headers (CloudEvents' binary mode). `slack`: `message`, as Slack takes it.",
      ),
    message: z.string().min(1).max(LONGEST_MESSAGE).optional().meta({
      otherwise: 'only `slack` needs one',
      description:
        "The text of `body: 'slack'`. `{key}`, `{type}`, `{time}`, `{id}`, `{source}` and `{data.field}`, also `{data.field.field}`, are replaced by the event's values, which are escaped and cut after 500 characters. A value that is missing or null becomes nothing. Write `{{` for a brace.",
    }),
    headers: z
      .record(
        z.string(),
        z
          .string()
          .regex(/^[\x21-\x7e]([\x20-\x7e]{0,998}[\x21-\x7e])?$/, 'is a value of at most 1,000 printable characters'),
      )
      .default({})
      .meta({ writtenAs: 'texts by name' })
      .describe(
        'Headers that each request has too. No secrets: they are in the code. At most 20, and none that the sink sets itself.',
      ),
    signed: z
      .boolean()
      .default(true)
      .describe(
        'Whether each request is signed, as [Standard Webhooks](https://www.standardwebhooks.com) says: HMAC-SHA256 over id, timestamp and body. The key is a secret that the deployment makes, `…--signing-key`.',
      ),
    concurrency: z
      .int()
      .min(1)
      .max(64)
      .default(8)
      .describe('How many requests are in flight at once, of each shard. Those of one key wait for each other.'),
    perSecond: z.number().min(0.01).max(1_000).optional().meta({
      otherwise: 'as fast as the receiver answers',
      description: 'How many requests begin in a second at most, of each shard.',
    }),
    timeoutSeconds: z
      .int()
      .min(1)
      .max(60)
      .default(10)
      .describe('After this time without a whole answer, a request has failed.'),
  })
  .check(({ value, issues }) => {
    const issue = (path: string, message: string) =>
      issues.push({ code: 'custom', input: value, path: [path], message });
    if ((value.body === 'slack') !== (value.message !== undefined))
      issue('message', value.message === undefined ? "is missing: body 'slack' needs one" : "needs body: 'slack'");
    const fault = value.message === undefined ? undefined : messageFault(value.message);
    if (fault !== undefined) issue('message', fault);
    const names = Object.keys(value.headers).map((name) => name.toLowerCase());
    for (const name of names.filter((one) => !HEADER_NAME.test(one)))
      issue('headers', `contain '${name}', which is no name of a header`);
    if (names.length > MOST_HEADERS) issue('headers', `are ${names.length}: at most ${MOST_HEADERS} are possible`);
    if (new Set(names).size < names.length) issue('headers', 'name one header twice: capitals do not count');
    for (const name of names.filter((one) => RESERVED.test(one)))
      issue('headers', `contain ${name}, which the sink sets itself: leave it out`);
  });

export type WebhookOptions = z.infer<typeof Options>;
