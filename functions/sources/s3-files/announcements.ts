import { z } from 'zod';
import { EventRejected } from '../../runtime/errors.ts';
import type { AnnouncedItem } from '../../runtime/source.ts';

/** An object as its announcement names it: enough to read exactly this content, or to notice that it is gone. */
export const S3Object = z.strictObject({
  bucket: z.string(),
  key: z.string(),
  etag: z.string(),
  versionId: z.string().optional(),
});
export type S3Object = z.infer<typeof S3Object>;

/**
 * Returns the objects that a message of the queue announces. The message is one of S3's own notifications, with several
 * records, or an event of EventBridge. Messages about anything but new content (S3's test event, a removed object)
 * announce nothing. Throws `EventRejected` for any other message.
 */
export function announcedObjects(messageBody: string): readonly AnnouncedItem[] {
  const message = Message.safeParse(jsonOf(messageBody));
  if (!message.success)
    throw new EventRejected(
      'undecodable',
      'the message is neither a notification of S3 nor an S3 event from EventBridge: send only these to the queue',
    );
  return message.data.map(itemOf);
}

function itemOf(object: S3Object): AnnouncedItem {
  const { bucket, key, etag, versionId } = object;
  const laneKey = `${bucket}/${key}`;
  return { laneKey, identity: `${laneKey}/${versionId ?? etag}`, item: object };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new EventRejected(
      'undecodable',
      'the message is not JSON, so it does not come from S3: send only its notifications to the queue',
    );
  }
}

/** S3's notifications encode keys as a form does: `+` is a space. EventBridge's keys are plain. */
const FormEncoded = z.string().transform((text) => {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    throw new EventRejected(
      'undecodable',
      `the object's key '${text}' is not URL-encoded, as S3's notifications have it`,
    );
  }
});

/** A bucket without versioning, or with versioning suspended, has no version that stands for one content. */
const VersionId = z
  .string()
  .optional()
  .transform((id) => (id === undefined || id === '' || id === 'null' ? {} : { versionId: id }));

const ObjectCreated = z
  .object({
    eventName: z.string().startsWith('ObjectCreated:'),
    s3: z.object({
      bucket: z.object({ name: z.string() }),
      object: z.object({ key: FormEncoded, eTag: z.string().min(1), versionId: VersionId }),
    }),
  })
  .transform(({ s3: { bucket, object } }) => [
    { bucket: bucket.name, key: object.key, etag: object.eTag, ...object.versionId },
  ]);

/** Removed, restored, tagged, replicated: no new content. */
const OtherNotification = z
  .object({ eventName: z.string().regex(/^(?!ObjectCreated:)/), s3: z.unknown() })
  .transform(() => []);

const S3Notification = z
  .object({ Records: z.array(z.union([ObjectCreated, OtherNotification])) })
  .transform(({ Records }) => Records.flat());

const TestEvent = z.object({ Event: z.literal('s3:TestEvent') }).transform(() => []);

const EventBridgeEvent = z
  .object({
    source: z.literal('aws.s3'),
    'detail-type': z.literal('Object Created'),
    detail: z.object({
      bucket: z.object({ name: z.string() }),
      object: z.object({ key: z.string(), etag: z.string().min(1), 'version-id': VersionId }),
    }),
  })
  .transform(({ detail: { bucket, object } }) => [
    { bucket: bucket.name, key: object.key, etag: object.etag, ...object['version-id'] },
  ]);

const OtherEventBridgeEvent = z
  .object({ source: z.literal('aws.s3'), 'detail-type': z.string().regex(/^(?!Object Created$)/) })
  .transform(() => []);

const Message: z.ZodType<readonly S3Object[]> = z.union([
  S3Notification,
  TestEvent,
  EventBridgeEvent,
  OtherEventBridgeEvent,
]);
