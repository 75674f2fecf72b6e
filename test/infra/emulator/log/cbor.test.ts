import { cbor, tagSymbol } from '@smithy/core/cbor';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type LogServer, startLogServer } from '../../../../infra/emulator/log/server.ts';
import { freshLog, startMillis } from './fresh-log.ts';

const contentType = 'application/x-amz-cbor-1.1';
const fresh = freshLog({ limits: 'enforced' });
let server: LogServer;

beforeAll(async () => {
  server = await startLogServer(fresh.log, { port: 0, host: '127.0.0.1' });
});

afterAll(() => server.close());

async function call(operation: string, body: Uint8Array) {
  const response = await fetch(server.endpoint, {
    method: 'POST',
    body: Uint8Array.from(body),
    headers: { 'content-type': contentType, 'x-amz-target': `Kinesis_20131202.${operation}` },
  });
  expect(response.headers.get('content-type')).toBe(contentType);
  const bytes = new Uint8Array(await response.arrayBuffer());
  const answer = bytes.length === 0 ? undefined : cbor.deserialize(bytes);
  return { status: response.status, answer, errorType: response.headers.get('x-amzn-errortype') };
}

const hex = (digits: string): Buffer => Buffer.from(digits.replace(/\s/g, ''), 'hex');
const text = (words: string): string => Buffer.from(words).toString('hex');

/** Requests as the AWS SDK for Java 2.31 sent them: maps and lists without a length. */
const javaRequests = {
  createStream: hex(`bf 6a ${text('StreamName')} 64 ${text('java')}
    64 ${text('Tags')} bf 64 ${text('team')} 64 ${text('data')} ff ff`),
  putRecord: hex(`bf 6a ${text('StreamName')} 64 ${text('java')} 64 ${text('Data')} 43 00ff07
    6c ${text('PartitionKey')} 63 ${text('kü')} 6f ${text('ExplicitHashKey')} 61 ${text('0')} ff`),
  putRecords: hex(`bf 67 ${text('Records')} 9f bf 64 ${text('Data')} 42 0102 6c ${text('PartitionKey')} 61 ${text('k')}
    6f ${text('ExplicitHashKey')} 61 ${text('0')} ff ff 6a ${text('StreamName')} 64 ${text('java')} ff`),
  /** The time is milliseconds with tag 1: 2026-01-31T12:00:00.100Z. */
  getShardIterator: hex(`bf 6a ${text('StreamName')} 64 ${text('java')}
    67 ${text('ShardId')} 74 ${text('shardId-000000000000')} 71 ${text('ShardIteratorType')} 6c ${text('AT_TIMESTAMP')}
    69 ${text('Timestamp')} c1 1b ${(startMillis + 100).toString(16).padStart(16, '0')} ff`),
  putIntoMissing: hex(`bf 6a ${text('StreamName')} 67 ${text('missing')} 64 ${text('Data')} 41 78
    6c ${text('PartitionKey')} 61 ${text('k')} ff`),
  listTags: hex(`bf 6a ${text('StreamName')} 64 ${text('java')} ff`),
};

test('the requests of the Java SDK are understood, and answered with byte strings and tagged milliseconds', async () => {
  expect(await call('CreateStream', javaRequests.createStream)).toMatchObject({ status: 200, answer: undefined });
  await fresh.clock.advance(100);
  const tags = await call('ListTagsForStream', javaRequests.listTags);
  expect(tags.answer).toEqual({ Tags: [{ Key: 'team', Value: 'data' }], HasMoreTags: false });
  const { SequenceNumber } = (await call('PutRecord', javaRequests.putRecord)).answer;
  expect((await call('PutRecords', javaRequests.putRecords)).answer).toMatchObject({ FailedRecordCount: 0 });
  const { ShardIterator } = (await call('GetShardIterator', javaRequests.getShardIterator)).answer;
  const { status, answer } = await call('GetRecords', cbor.serialize({ ShardIterator }));
  expect(status).toBe(200);
  expect(answer).toMatchObject({ MillisBehindLatest: 0, NextShardIterator: expect.any(String) });
  expect(answer.Records).toHaveLength(2);
  const [first, second] = answer.Records;
  expect(Buffer.from(first.Data)).toEqual(Buffer.of(0, 255, 7));
  expect(Buffer.from(second.Data)).toEqual(Buffer.of(1, 2));
  expect(first).toMatchObject({ PartitionKey: 'kü', SequenceNumber });
  expect(first.ApproximateArrivalTimestamp).toEqual({ tag: 1, value: startMillis + 100, [tagSymbol]: true });
});

test('an error in CBOR has its name in the body and in the header', async () => {
  expect(await call('PutRecord', javaRequests.putIntoMissing)).toEqual({
    status: 400,
    errorType: 'ResourceNotFoundException',
    answer: {
      __type: 'ResourceNotFoundException',
      message: 'Stream missing under account 000000000000 not found.',
    },
  });
});

test.each<[string, Uint8Array]>([
  ['is cut off', hex('bf 64')],
  ['is a list', hex('80')],
  ['is a byte string', hex('41 00')],
  ['is a time', hex('c1 00')],
  ['nests 100,000 lists', Buffer.alloc(100_000, 0x81)],
])('a CBOR body that %s is refused', async (_, body) => {
  expect((await call('PutRecord', body)).answer).toEqual({
    __type: 'SerializationException',
    message: 'the body is not a CBOR map',
  });
});

test('a member of the wrong type is refused in CBOR as in JSON', async () => {
  const answer = await call('PutRecord', cbor.serialize({ StreamName: 'java', PartitionKey: 'k', Data: 'eA==' }));
  expect(answer.answer).toEqual({
    __type: 'SerializationException',
    message: 'data: a string can not be converted to a blob',
  });
});
