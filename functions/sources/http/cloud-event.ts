import { z } from 'zod';
import { EventRejected } from '../../runtime/errors.ts';
import { keyFault } from '../../runtime/event.ts';
import { rfc3339 } from '../../runtime/json/event-fields.ts';
import { ownerOfSource } from '../../runtime/source.ts';

const LONGEST_ATTRIBUTE = 1_024;

/** Readers reject an attribute that UTF-8 cannot express. */
const WellFormed = z.string().refine((text) => text.isWellFormed(), 'has half of a surrogate pair');

const Text = WellFormed.min(1).max(LONGEST_ATTRIBUTE);

const Key = z.string().superRefine((text, context) => {
  const fault = keyFault(text);
  if (fault !== undefined) context.addIssue(fault.message);
});

const Time = z.string().transform((text, context) => {
  const time = rfc3339(text);
  if (time !== undefined) return time;
  context.addIssue('must be an RFC 3339 time, such as 2024-02-29T10:00:00Z');
  return z.NEVER;
});

const JsonMediaType = z
  .string()
  .regex(/^[\w.+-]+\/([\w.-]+\+)?json\s*(;|$)/i, 'must be JSON, such as application/json: other data is not accepted');

/** An invalid `traceparent` is ignored, as W3C Trace Context, 3.2.2, demands. */
const Traceparent = z
  .string()
  .regex(/^[\da-f]{2}-[\da-f]{32}-[\da-f]{16}-[\da-f]{2}$/)
  .optional()
  .catch(undefined);

/** The attributes of CloudEvents 1.0 that a Millrace event keeps. Others, such as `subject`, are dropped. */
const Attributes = z.object({
  specversion: z.literal('1.0'),
  id: Text,
  source: Text,
  type: Text,
  time: Time.nullish(),
  datacontenttype: JsonMediaType.nullish(),
  partitionkey: Key.nullish(),
  sequence: z.union([Text, z.int().transform(String)]).nullish(),
  traceparent: Traceparent,
  data_base64: z.undefined({ error: 'is binary data: send JSON in data' }).optional(),
});

export type Attributes = z.infer<typeof Attributes>;

/**
 * Checks a client's event, and returns its attributes. Throws `EventRejected` for an invalid event, and for a source
 * that belongs to a step of one of these pipelines.
 */
export function attributesOf(event: unknown, pipelines: readonly string[]): Attributes {
  const parsed = Attributes.safeParse(event);
  if (!parsed.success) {
    const lines = parsed.error.issues.map(({ path, message }) => `${path.join('.') || 'the event'}: ${message}`);
    throw new EventRejected('schema', lines.join('; '));
  }
  const owner = ownerOfSource(parsed.data.source, pipelines);
  if (owner !== undefined)
    throw new EventRejected(
      'schema',
      `source: '/${owner}/…' is reserved for the steps of pipeline '${owner}': use another source`,
    );
  return parsed.data;
}

/** Returns the attributes of binary mode: the headers `ce-…`, percent-encoded where they are not ASCII. */
export function attributesInHeaders(headers: Readonly<Record<string, string | undefined>>): Record<string, unknown> {
  const attributes: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (name.startsWith('ce-') && value !== undefined) attributes[name.slice('ce-'.length)] = unescaped(value);
  }
  return attributes;
}

function unescaped(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    // A percent sign that encodes nothing stands for itself, by the HTTP binding of CloudEvents.
    return value;
  }
}

/** Returns the header's value when it is valid. */
export function validTraceparent(text: string | undefined): string | undefined {
  return Traceparent.parse(text);
}
