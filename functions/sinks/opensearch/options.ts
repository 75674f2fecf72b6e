import { z } from 'zod';
import { isEndpoint } from '../../clients/endpoint.ts';

export const Options = z.strictObject({
  endpoint: z
    .string()
    .refine(isOrigin, 'is a URL of https without a path, such as https://search-orders-….eu-west-1.es.amazonaws.com')
    .describe(
      'Where the server answers: the endpoint of a managed domain, of a serverless collection, or of a server of your own. It has to be reachable from outside any network of yours.',
    ),
  index: z
    .string()
    .regex(
      /^(?!.*--)[a-z0-9][a-z0-9_.-]{0,99}$/,
      "is made of small letters, digits and _ . -, begins with a letter or digit, and has no '--'",
    )
    .describe(
      'The index to write to, without the name of the stage: `orders` is the index, or the alias of one, `millrace-<stage>-orders`. It belongs to this step alone.',
    ),
  arn: z
    .string()
    .regex(
      /^arn:[a-z-]+:(es:[a-z0-9-]+:\d{12}:domain\/[a-z][a-z0-9-]{2,27}|aoss:[a-z0-9-]+:\d{12}:collection\/[a-z0-9]{3,40})$/,
      "is the ARN of a domain, 'arn:aws:es:<region>:<account>:domain/<name>', or of a collection, 'arn:aws:aoss:<region>:<account>:collection/<id>'",
    )
    .optional()
    .meta({
      otherwise: 'the sink logs in as the user in the secret that the deployment makes, `…--login`',
      description:
        "The ARN of the managed domain or the serverless collection: requests are signed for it (SigV4), as the role of the step's function.",
    }),
  document: z
    .enum(['key', 'event'])
    .default('key')
    .describe(
      "What a document stands for. `key`: the latest event with a key; the event's key is the document's `_id`. `event`: one event; its id is the `_id`.",
    ),
  create: z
    .boolean()
    .default(true)
    .describe(
      "Whether the sink makes the index when it is missing, with a field for each of the stream's schema. The sink never changes an index that exists.",
    ),
  tombstoneDays: z
    .int()
    .min(1)
    .max(3_650)
    .default(400)
    .describe(
      'How long a deleted document should stay as a tombstone: `millrace_expires` is so much later. Longer than the stream keeps events, and than you put dead letters back: until then no older event brings the document back.',
    ),
});

export type OpenSearchOptions = z.infer<typeof Options>;

function isOrigin(text: string): boolean {
  const { pathname, search } = URL.parse(text) ?? {};
  return isEndpoint(text) && pathname === '/' && search === '';
}
