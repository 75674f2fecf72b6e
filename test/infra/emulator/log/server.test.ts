import { connect } from 'node:http2';
import {
  CreateStreamCommand,
  DescribeStreamSummaryCommand,
  ExpiredIteratorException,
  GetRecordsCommand,
  GetShardIteratorCommand,
  KinesisClient,
  ListShardsCommand,
  PutRecordCommand,
  PutRecordsCommand,
  RegisterStreamConsumerCommand,
  ResourceNotFoundException,
  SplitShardCommand,
  ValidationException,
} from '@aws-sdk/client-kinesis';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type LogServer, startLogServer } from '../../../../infra/emulator/log/server.ts';
import { freshLog, shardId, startMillis } from './fresh-log.ts';

const fresh = freshLog({ limits: 'enforced' });
let server: LogServer;

beforeAll(async () => {
  server = await startLogServer(fresh.log, { port: 0, host: '127.0.0.1' });
});

afterAll(() => server.close());

const protocols = [
  ['HTTP/2, as the SDK’s client does by default', undefined],
  ['HTTP/1.1', () => new NodeHttpHandler()],
] as const;

describe.each(protocols)('over %s', (protocol, requestHandler) => {
  const StreamName = protocol.replace(/\W/g, '-');
  let client: KinesisClient;

  beforeAll(async () => {
    client = new KinesisClient({
      endpoint: server.endpoint,
      region: 'us-east-1',
      credentials: { accessKeyId: 'any', secretAccessKey: 'any' },
      maxAttempts: 1,
      ...(requestHandler && { requestHandler: requestHandler() }),
    });
    await client.send(new CreateStreamCommand({ StreamName, ShardCount: 1 }));
    await fresh.clock.advance(100);
  });

  beforeEach(() => fresh.clock.advance(1_000));

  afterAll(() => client.destroy());

  test('describes a stream with its time of creation', async () => {
    const { StreamDescriptionSummary } = await client.send(new DescribeStreamSummaryCommand({ StreamName }));
    expect(StreamDescriptionSummary).toMatchObject({ StreamName, StreamStatus: 'ACTIVE', OpenShardCount: 1 });
    const created = StreamDescriptionSummary?.StreamCreationTimestamp?.getTime() ?? 0;
    expect(created).toBeGreaterThanOrEqual(startMillis);
    expect(created).toBeLessThan(fresh.clock.now());
  });

  test('returns records byte for byte, with key and time of arrival', async () => {
    const Records = Array.from({ length: 256 }, (_, byte) => ({
      PartitionKey: `"key\\ ${byte}\u2028 ü 🙂`,
      Data: Buffer.alloc(byte, byte),
    }));
    const put = await client.send(new PutRecordsCommand({ StreamName, Records }));
    expect(put.FailedRecordCount).toBe(0);
    const StartingSequenceNumber = put.Records?.[0]?.SequenceNumber;
    const at = { ShardIteratorType: 'AT_SEQUENCE_NUMBER', StartingSequenceNumber } as const;
    const start = await client.send(new GetShardIteratorCommand({ StreamName, ShardId: shardId(0), ...at }));
    const got = await client.send(new GetRecordsCommand({ ShardIterator: start.ShardIterator }));
    expect(got.Records?.map(({ PartitionKey, Data }) => ({ PartitionKey, Data: Buffer.from(Data ?? []) }))).toEqual(
      Records,
    );
    expect(got.Records?.map(({ SequenceNumber }) => SequenceNumber)).toEqual(
      put.Records?.map(({ SequenceNumber }) => SequenceNumber),
    );
    expect(got.Records?.[0]?.ApproximateArrivalTimestamp).toEqual(new Date(fresh.clock.now()));
    expect(got.NextShardIterator).toEqual(expect.any(String));
  });

  test('understands a time as the SDK writes it', async () => {
    const { SequenceNumber } = await client.send(
      new PutRecordCommand({ StreamName, PartitionKey: 'k', Data: Buffer.of(7) }),
    );
    const at = { ShardIteratorType: 'AT_TIMESTAMP', Timestamp: new Date(fresh.clock.now()) } as const;
    const { ShardIterator } = await client.send(
      new GetShardIteratorCommand({ StreamName, ShardId: shardId(0), ...at }),
    );
    const { Records } = await client.send(new GetRecordsCommand({ ShardIterator }));
    expect(Records?.map((record) => record.SequenceNumber)).toEqual([SequenceNumber]);
  });

  test('takes and returns records of a megabyte', async () => {
    const Data = Buffer.alloc(1_000_000, 3);
    const { ShardId, SequenceNumber } = await client.send(
      new PutRecordCommand({ StreamName, PartitionKey: 'k', Data }),
    );
    const at = { ShardIteratorType: 'AT_SEQUENCE_NUMBER', StartingSequenceNumber: SequenceNumber } as const;
    const { ShardIterator } = await client.send(new GetShardIteratorCommand({ StreamName, ShardId, ...at }));
    const { Records } = await client.send(new GetRecordsCommand({ ShardIterator }));
    expect(Buffer.from(Records?.[0]?.Data ?? []).equals(Data)).toBe(true);
  });

  test('names the error of a throttled record, beside the records that were appended', async () => {
    const record = { PartitionKey: 'k', Data: Buffer.alloc(600_000) };
    const { FailedRecordCount, Records } = await client.send(
      new PutRecordsCommand({ StreamName, Records: [record, record] }),
    );
    expect(FailedRecordCount).toBe(1);
    expect(Records?.map(({ ErrorCode }) => ErrorCode)).toEqual([undefined, 'ProvisionedThroughputExceededException']);
  });

  test("gives errors of the SDK's own classes", async () => {
    const missing = client.send(new PutRecordCommand({ StreamName: 'missing', PartitionKey: 'k', Data: Buffer.of(1) }));
    await expect(missing).rejects.toBeInstanceOf(ResourceNotFoundException);
    await expect(missing).rejects.toMatchObject({ $fault: 'client', $metadata: { httpStatusCode: 400 } });
    await expect(client.send(new CreateStreamCommand({ StreamName: 'new', ShardCount: 0 }))).rejects.toBeInstanceOf(
      ValidationException,
    );
    const ofAnother = new RegisterStreamConsumerCommand({ StreamARN: 'arn:aws:kinesis:::stream/x', ConsumerName: 'c' });
    await expect(client.send(ofAnother)).rejects.toMatchObject({ name: 'UnknownOperationException' });
    const { ShardIterator } = await client.send(
      new GetShardIteratorCommand({ StreamName, ShardId: shardId(0), ShardIteratorType: 'LATEST' }),
    );
    await fresh.clock.advance(300_001);
    await expect(client.send(new GetRecordsCommand({ ShardIterator }))).rejects.toBeInstanceOf(
      ExpiredIteratorException,
    );
  });

  test('answers each of many concurrent calls with its own answer', async () => {
    const answers = await Promise.all(
      Array.from({ length: 200 }, async (_, index) => {
        const Data = Buffer.from(String(index));
        const { SequenceNumber } = await client.send(new PutRecordCommand({ StreamName, PartitionKey: 'k', Data }));
        return SequenceNumber;
      }),
    );
    expect(new Set(answers).size).toBe(200);
  });

  test('answers the end of a closed shard with its children and no next iterator', async () => {
    const half = (2n ** 127n).toString();
    await client.send(new SplitShardCommand({ StreamName, ShardToSplit: shardId(0), NewStartingHashKey: half }));
    await fresh.clock.advance(1_000);
    const { Shards } = await client.send(new ListShardsCommand({ StreamName, ShardFilter: { Type: 'AT_LATEST' } }));
    expect(Shards?.map(({ ShardId }) => ShardId)).toEqual([shardId(1), shardId(2)]);
    const { ShardIterator } = await client.send(
      new GetShardIteratorCommand({ StreamName, ShardId: shardId(0), ShardIteratorType: 'LATEST' }),
    );
    const end = await client.send(new GetRecordsCommand({ ShardIterator }));
    expect(end.NextShardIterator ?? undefined).toBeUndefined();
    expect(end.ChildShards?.map(({ ShardId }) => ShardId)).toEqual([shardId(1), shardId(2)]);
  });
});

describe('a request', () => {
  const call = async (body: string, headers: Record<string, string> = {}) => {
    const response = await fetch(server.endpoint, {
      method: 'POST',
      body,
      headers: {
        'content-type': 'application/x-amz-json-1.1',
        'x-amz-target': 'Kinesis_20131202.PutRecord',
        ...headers,
      },
    });
    const { __type, message } = (await response.json()) as { __type: string; message: string };
    expect([response.status, response.headers.get('x-amzn-errortype')]).toEqual([400, __type]);
    return `${__type}: ${message}`;
  };
  const record = (Data: unknown) => JSON.stringify({ StreamName: 's', PartitionKey: 'k', Data });

  test.each([
    ['whose body is not JSON', '{', 'SerializationException: the body is not a JSON object'],
    ['whose body is a list', '[]', 'SerializationException: the body is not a JSON object'],
    [
      'with data that is not base64',
      record('%%%%'),
      'SerializationException: Data: a string of 4 characters that is not base64',
    ],
    [
      'with base64 that is cut short',
      record('eA'),
      'SerializationException: Data: a string of 2 characters that is not base64',
    ],
    ['with data that is a number', record(7), 'SerializationException: data: a number can not be converted to a blob'],
  ])('%s is refused', async (_, body, error) => {
    expect(await call(body)).toContain(error);
  });

  test.each([
    ['content-type', 'application/cbor', 'send application/x-amz-json-1.1 or application/x-amz-cbor-1.1'],
    ['x-amz-target', 'DynamoDB_20120810.PutItem', 'send Kinesis_20131202.<operation>'],
  ])('with %s %s is refused', async (header, value, error) => {
    const answer = await call(record('eA=='), { [header]: value });
    expect(answer).toBe(`UnknownOperationException: ${header} is '${value}': ${error}`);
  });

  test('of more than 16 MiB is refused, and the next one is answered', async () => {
    expect(await call(record('x'.repeat(16_777_217)))).toMatch(
      /^SerializationException: the body has 167772\d\d bytes/,
    );
    expect(await call(record('eA=='))).toMatch(/^ResourceNotFoundException/);
  });
});

test('closing ends every connection', async () => {
  const closing = await startLogServer(fresh.log, { port: 0, host: '127.0.0.1' });
  const session = connect(closing.endpoint);
  await new Promise((resolve) => session.once('connect', resolve));
  await new Promise((resolve) => session.ping(resolve));
  const ended = new Promise((resolve) => session.once('close', resolve));
  await closing.close();
  await ended;
  await expect(fetch(closing.endpoint)).rejects.toThrow();
});
