import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { openDeadLetters } from '../../../../functions/runtime/dead-letters/dead-letters.ts';
import { positionOf } from '../../../../functions/runtime/position.ts';
import { namesOf } from '../../../../infra/names.ts';
import { listLetters, readLetters } from '../../../../infra/operation/dead-letters/dead-letters.ts';
import { mendLetter, parseData } from '../../../../infra/operation/dead-letters/mend.ts';
import { redrivenEvent } from '../../../../infra/operation/dead-letters/redrivable.ts';
import type { Target } from '../../../../infra/operation/target.ts';
import { type S3Server, startS3 } from '../../../kit/servers.ts';

const { signal } = new AbortController();
let server: S3Server;
let s3: S3Client;
let target: Target;
let stages = 0;
beforeAll(async () => {
  server = await startS3();
  const credentials = { accessKeyId: 'a', secretAccessKey: 'b' };
  const { endpoint } = server;
  s3 = new S3Client({
    endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials,
    requestHandler: new NodeHttpHandler(),
  });
});
afterAll(async () => {
  s3.destroy();
  await server.stop();
});
beforeEach(async () => {
  const names = namesOf({ stage: `m${++stages}`, account: '0', region: 'us-east-1', partition: 'aws' });
  await s3.send(new CreateBucketCommand({ Bucket: names.deadLetters }));
  target = { names, clients: { s3 } } as Target;
});

const cloudEvent = (id: string) =>
  `{"specversion":"1.0","id":"${id}","source":"/site","type":"thing.sold","time":"2026-01-01T00:00:00Z","partitionkey":"k-${id}","data":{"n":"bad"}}`;

/** Stores a portion of rejected events, as a step does: one object for all of them. */
async function reject(
  ...events: readonly { readonly id: string; readonly bytes: string; readonly isEvent?: boolean }[]
) {
  const letters = openDeadLetters({ s3, bucket: target.names.deadLetters, pipeline: 'shop', step: 'clean' });
  const rejections = events.map(({ id, bytes, isEvent = true }, index) => ({
    at: positionOf(String(index + 1), 0),
    reason: 'schema' as const,
    message: 'n is no number',
    bytes: Buffer.from(bytes),
    ...(isEvent ? { event: { id, key: `k-${id}`, time: '2026-01-01T00:00:00Z' } } : {}),
  }));
  await letters.put('stream/shardId-0', rejections, signal);
}

const letters = async () => (await readLetters(target, { pipeline: 'shop', step: 'clean' }, signal)).letters;
const outgoing = async (index: number) =>
  redrivenEvent((await letters())[index]!, { step: 'shop/clean', lane: 'lane', sequence: '1' });

async function mend(index: number, data: string): Promise<void> {
  const stored = await Array.fromAsync(listLetters(target, { pipeline: 'shop', step: 'clean' }, signal));
  await mendLetter(target, stored[index]!, { data: parseData(data), nowMillis: 0, signal });
}

test('a mended letter stays on the list once, keeps the bytes as they came, and is redriven with the other data', async () => {
  await reject({ id: 'a', bytes: cloudEvent('a') });
  const [before] = await letters();
  await mend(0, ' {"n": 1.50}\n');
  const after = await letters();
  expect(after).toHaveLength(1);
  expect(after[0]).toMatchObject({ id: before?.id, reason: 'schema', mended: { text: cloudEvent('a') } });
  const { dataBytes, ...event } = await outgoing(0);
  expect(Buffer.from(dataBytes).toString()).toBe('{"n": 1.50}');
  expect(event).toMatchObject({ id: 'a', key: 'k-a', type: 'thing.sold', time: '2026-01-01T00:00:00Z' });
});

test('of many letters in one object, only the one that is mended changes', async () => {
  await reject(...['a', 'b', 'c'].map((id) => ({ id, bytes: cloudEvent(id) })));
  await mend(1, '{"n":2}');
  const after = await letters();
  expect(after.map(({ event, mended }) => `${event?.id} ${mended !== undefined}`)).toEqual([
    'a false',
    'b true',
    'c false',
  ]);
  expect(Buffer.from((await outgoing(1)).dataBytes).toString()).toBe('{"n":2}');
});

test('mended twice, it still has the bytes as they came', async () => {
  await reject({ id: 'a', bytes: cloudEvent('a') });
  await mend(0, '{"n":1}');
  await mend(0, '{"n":2}');
  expect((await letters())[0]?.mended?.text).toBe(cloudEvent('a'));
  expect(Buffer.from((await outgoing(0)).dataBytes).toString()).toBe('{"n":2}');
});

test('a record that was no CloudEvent keeps its id, key and time', async () => {
  await reject({ id: 'a', bytes: '{"n":"bad"}' });
  await mend(0, '{"n":1}');
  const event = await outgoing(0);
  expect(event).toMatchObject({ id: 'a', key: 'k-a', time: '2026-01-01T00:00:00Z' });
  expect(Buffer.from(event.dataBytes).toString()).toBe('{"n":1}');
});

test('data that is no JSON, and bytes that are no event, are refused', async () => {
  expect(() => parseData('{"n":')).toThrow('the data is not JSON');
  await reject({ id: 'a', bytes: 'what is this', isEvent: false });
  await expect(mend(0, '{}')).rejects.toThrow('cannot be mended: it was never decoded');
});
