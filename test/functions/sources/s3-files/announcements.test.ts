import { expect, test } from 'vitest';
import { EventRejected } from '../../../../functions/runtime/errors.ts';
import { announcedObjects } from '../../../../functions/sources/s3-files/announcements.ts';

const created = (key: string, more: object = {}, eventName = 'ObjectCreated:Put') => ({
  eventVersion: '2.1',
  eventSource: 'aws:s3',
  eventName,
  s3: {
    s3SchemaVersion: '1.0',
    bucket: { name: 'landing' },
    object: { key, size: 3, eTag: 'e1', sequencer: '00', ...more },
  },
});
const notification = (...records: unknown[]) => JSON.stringify({ Records: records });
const eventBridge = (detailType: string, object: object) =>
  JSON.stringify({
    version: '0',
    source: 'aws.s3',
    'detail-type': detailType,
    detail: { bucket: { name: 'landing' }, object },
  });

test.each<[string, string, object[]]>([
  ['an object', notification(created('a.csv')), [{ bucket: 'landing', key: 'a.csv', etag: 'e1' }]],
  ['several objects', notification(created('a'), created('b')), [{ key: 'a' }, { key: 'b' }]],
  ['a key as a form encodes it', notification(created('a+folder/%C3%A9%2B1%25.csv')), [{ key: 'a folder/é+1%.csv' }]],
  ['a version', notification(created('a', { versionId: 'v1' })), [{ key: 'a', etag: 'e1', versionId: 'v1' }]],
  [
    'no version, where versioning is suspended',
    notification(created('a', { versionId: 'null' })),
    [{ key: 'a', etag: 'e1' }],
  ],
  ['a multipart upload', notification(created('a', {}, 'ObjectCreated:CompleteMultipartUpload')), [{ key: 'a' }]],
  ['a removed object: nothing', notification(created('a', {}, 'ObjectRemoved:Delete'), created('b')), [{ key: 'b' }]],
  ['S3’s test event: nothing', JSON.stringify({ Service: 'Amazon S3', Event: 's3:TestEvent', Bucket: 'landing' }), []],
  [
    'an object, through EventBridge, its key as it is',
    eventBridge('Object Created', { key: 'a+b%.csv', etag: 'e1', 'version-id': 'v1' }),
    [{ bucket: 'landing', key: 'a+b%.csv', etag: 'e1', versionId: 'v1' }],
  ],
  ['another event of EventBridge: nothing', eventBridge('Object Deleted', { key: 'a' }), []],
])('announces %s', (_, message, items) => {
  expect(announcedObjects(message).map(({ item }) => item)).toEqual(items.map((item) => expect.objectContaining(item)));
  for (const { item } of announcedObjects(message))
    expect(item).toHaveProperty('versionId' in (items[0] ?? {}) ? 'versionId' : 'etag');
});

test.each<[string, string, string]>([
  ['text', 'hello', 'the message is not JSON'],
  ['another message', '{"hello":"world"}', 'neither a notification of S3'],
  [
    'a record without a key',
    notification({ eventName: 'ObjectCreated:Put', s3: { bucket: { name: 'b' }, object: { eTag: 'e' } } }),
    'neither a notification of S3',
  ],
  ['a record without an ETag', notification(created('a', { eTag: undefined })), 'neither a notification of S3'],
  ['a key that is not URL-encoded', notification(created('100%.csv')), 'not URL-encoded'],
  [
    'a message of SNS',
    JSON.stringify({ Type: 'Notification', Message: notification(created('a')) }),
    'neither a notification of S3',
  ],
  ['null', 'null', 'neither a notification of S3'],
])('rejects %s', (_, message, why) => {
  expect(() => announcedObjects(message)).toThrow(EventRejected);
  expect(() => announcedObjects(message)).toThrow(why);
});

test('the same content announced twice is one item; other content under the same key is another, in the same lane', () => {
  const item = (etag: string, versionId?: string) =>
    announcedObjects(notification(created('a', { eTag: etag, versionId })))[0];
  expect(item('e1')?.identity).toBe(item('e1')?.identity);
  expect(item('e2')?.identity).not.toBe(item('e1')?.identity);
  expect(item('e1', 'v1')?.identity).not.toBe(item('e1', 'v2')?.identity);
  expect(item('e2')?.laneKey).toBe(item('e1')?.laneKey);
});
