import { createHash } from 'node:crypto';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import {
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { s3FilesDefinition, s3FilesSource } from '../../../../functions/sources/s3-files/s3-files.ts';
import { openLanding } from '../../../../infra/local/endpoints/landing.ts';
import { createBuckets } from '../../../../infra/local/servers/s3/buckets.ts';
import { listObjects } from '../../../../infra/local/servers/s3/listing.ts';
import { textsOf } from '../../../../infra/local/servers/s3/xml.ts';
import { type StorageServer, startStorage } from '../../../../infra/local/servers/storage-server.ts';
import type { LocalStage } from '../../../../infra/local/stage.ts';
import type { SourcePlan } from '../../../../infra/pipelines/plan.ts';
import { openSource, useEndpoint } from '../../../contracts/source-harnesses.ts';

const MIB = 1024 * 1024;
const Bucket = 'landing';

describe('the S3 of a laptop', () => {
  let server: StorageServer;
  let s3: S3Client;
  let sqs: SQSClient;
  let folder: string;
  beforeAll(async () => {
    server = await startStorage({ region: 'us-east-1' });
    server.createBucket(Bucket);
    const credentials = { accessKeyId: 'local', secretAccessKey: 'local' };
    const common = { endpoint: server.endpoint, region: 'us-east-1', credentials };
    s3 = new S3Client({ ...common, requestHandler: new NodeHttpHandler(), forcePathStyle: true, maxAttempts: 1 });
    sqs = new SQSClient(common);
    folder = await mkdtemp(join(tmpdir(), 'millrace-large-'));
  });
  afterAll(async () => {
    s3.destroy();
    sqs.destroy();
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  });

  test('a file of 64 MB in the landing folder becomes events', async () => {
    const path = join(folder, 'large.csv');
    const file = await open(path, 'w');
    await file.write('n,note\n');
    for (let n = 0; n < 128; n++) await file.write(`${n},${String.fromCharCode(97 + (n % 26)).repeat(MIB / 2)}\n`);
    await file.close();
    await server.createQueue('exports');
    const queueUrl = () => `${server.endpoint}/000000000000/exports`;
    const stage = { clients: { s3, sqs }, names: { landing: Bucket }, queueUrl } as unknown as LocalStage;
    const reader = { options: { prefix: '' } } as SourcePlan;
    expect(await openLanding(stage, [reader]).put(path, 'large.csv')).toEqual([reader]);
    expect(await server.messagesIn('exports')).toBe(1);

    const { Messages: [message] = [] } = await sqs.send(new ReceiveMessageCommand({ QueueUrl: queueUrl() }));
    const restoreEnvironment = useEndpoint(server.endpoint);
    const schema = z.object({ n: z.int(), note: z.string() });
    const source = openSource(
      s3FilesDefinition,
      s3FilesSource({ schema, format: 'csv', type: 'row.read', key: 'n' }).options,
    );
    const [announced] = source.announced(message?.Body ?? '');
    let events = 0;
    for await (const page of source.readItem(announced?.item, undefined, new AbortController().signal)) {
      events += page.events.length;
      expect(page.rejections).toEqual([]);
    }
    restoreEnvironment();
    expect(events).toBe(128);
  });

  test('an object above 11 MiB, such as a sink may write, comes back as it was put, whole and in ranges', async () => {
    const Body = Buffer.alloc(12 * MIB, 'some lines\n');
    const { ETag } = await s3.send(new PutObjectCommand({ Bucket, Key: 'large', Body, ContentEncoding: 'zstd' }));
    expect(ETag).toBe(`"${createHash('md5').update(Body).digest('hex')}"`);
    const whole = await s3.send(new GetObjectCommand({ Bucket, Key: 'large' }));
    expect(whole.ContentEncoding).toBe('zstd');
    expect(Body.equals((await whole.Body?.transformToByteArray()) ?? new Uint8Array())).toBe(true);
    const Range = `bytes=${11 * MIB - 5}-${11 * MIB + 5}`;
    const part = await s3.send(new GetObjectCommand({ Bucket, Key: 'large', Range }));
    expect(await part.Body?.transformToString()).toBe(Body.subarray(11 * MIB - 5, 11 * MIB + 6).toString());
  });

  test('a stream with a checksum behind it arrives without its framing', async () => {
    const Body = Readable.from([Buffer.from('one\r\n'), Buffer.from('two')]);
    await s3.send(
      new PutObjectCommand({ Bucket, Key: 'chunked', Body, ContentLength: 8, ChecksumAlgorithm: 'SHA256' }),
    );
    const { Body: read } = await s3.send(new GetObjectCommand({ Bucket, Key: 'chunked' }));
    expect(await read?.transformToString()).toBe('one\r\ntwo');
  });

  test('the pages of 2,500 objects list every key once, in the order of their bytes', () => {
    const buckets = createBuckets();
    buckets.create('many');
    const bucket = buckets.find('many');
    // In a dictionary's order 'b' comes before 'C', and in UTF-16 an emoji comes before U+FF5E.
    const keys = Array.from({ length: 2_500 }, (_, n) => `${['a', 'B', 'c', '～', '😀', 'é', '-'][n % 7]}/${n}`);
    for (const key of keys) bucket.put({ key, bodies: [], size: 0, etag: '"0"', modified: new Date(0), headers: {} });
    const pages = (query: Record<string, string>, name: string): readonly (readonly string[])[] => {
      const all: (readonly string[])[] = [];
      for (let token: string | undefined = ''; token !== undefined; ) {
        const next = token === '' ? {} : { 'continuation-token': token };
        const xml = listObjects(bucket, new URLSearchParams({ 'list-type': '2', ...query, ...next }));
        all.push(textsOf(xml, name));
        token = textsOf(xml, 'NextContinuationToken')[0];
      }
      return all;
    };
    const inOrder = keys.map((key) => Buffer.from(key)).sort(Buffer.compare);
    expect(pages({}, 'Key').map(({ length }) => length)).toEqual([1_000, 1_000, 500]);
    expect(pages({}, 'Key').flat()).toEqual(inOrder.map(String));
    const folders = ['-/', 'B/', 'a/', 'c/', 'é/', '～/', '😀/'];
    const found = pages({ delimiter: '/', 'max-keys': '2' }, 'Prefix').flat();
    expect(found.filter((prefix) => prefix !== '')).toEqual(folders);
    for (const key of inOrder.slice(0, 1_000).map(String)) bucket.remove(key);
    expect(pages({}, 'Key').flat()).toEqual(inOrder.slice(1_000).map(String));
  });

  test('an object of many, and several at once, can be deleted', async () => {
    for (const Key of ['gone/<1>', 'gone/2', 'stays']) await s3.send(new PutObjectCommand({ Bucket, Key, Body: 'x' }));
    const Objects = ['gone/<1>', 'gone/2'].map((Key) => ({ Key }));
    const { Deleted } = await s3.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects } }));
    expect(Deleted).toEqual(Objects);
    const { Contents } = await s3.send(new ListObjectsV2Command({ Bucket, Prefix: 'gone/' }));
    expect(Contents).toBeUndefined();
  });

  test('parts that were uploaded one by one are one object', async () => {
    const target = { Bucket, Key: 'of parts & more' };
    const { UploadId } = await s3.send(new CreateMultipartUploadCommand({ ...target, ContentType: 'text/csv' }));
    const bodies = [Buffer.alloc(5 * MIB, 'first'), Buffer.from('second')];
    const Parts = [];
    for (const [index, Body] of bodies.entries()) {
      const PartNumber = index + 1;
      const { ETag } = await s3.send(new UploadPartCommand({ ...target, UploadId, PartNumber, Body }));
      Parts.push({ PartNumber, ETag });
    }
    await s3.send(new CompleteMultipartUploadCommand({ ...target, UploadId, MultipartUpload: { Parts } }));
    const read = await s3.send(new GetObjectCommand({ ...target, Range: `bytes=${5 * MIB - 2}-` }));
    expect([read.ContentType, read.ETag?.slice(-3)]).toEqual(['text/csv', '-2"']);
    expect(await read.Body?.transformToString()).toBe(`${bodies[0]?.subarray(-2)}second`);
  });

  test.each([
    { path: 'landing/none', status: 404, code: 'NoSuchKey' },
    { path: 'nowhere/none', status: 404, code: 'NoSuchBucket' },
    { path: 'landing?tagging', status: 501, code: 'NotImplemented' },
    { path: 'landing?list-type=2&max-keys=-1', status: 400, code: 'InvalidArgument' },
    { path: 'landing/%ff', status: 400, code: 'InvalidURI' },
  ])('answers $path with $status $code', async ({ path, status, code }) => {
    const reply = await fetch(`${server.endpoint}/${path}`);
    expect([reply.status, /<Code>(.*)<\/Code>/.exec(await reply.text())?.[1]]).toEqual([status, code]);
  });

  test.each(['5\r\nhello\r\n', 'zz\r\nhello\r\n0\r\n\r\n', '6\r\nhello'])(
    'stores nothing of a body that is cut off or framed wrongly: %j',
    async (body) => {
      const headers = { 'content-encoding': 'aws-chunked' };
      const reply = await fetch(`${server.endpoint}/landing/broken`, { method: 'PUT', headers, body });
      expect(reply.status).toBe(400);
      expect((await fetch(`${server.endpoint}/landing/broken`)).status).toBe(404);
    },
  );
});
