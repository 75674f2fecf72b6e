import type { IncomingMessage, ServerResponse } from 'node:http';
import { keepBody } from './bodies.ts';
import { type Bucket, type Buckets, createBuckets, type StoredObject } from './buckets.ts';
import { S3Failure } from './failure.ts';
import { listObjects } from './listing.ts';
import { getObject, headersToKeep, putObject } from './objects.ts';
import { contentOf, textOf } from './request-body.ts';
import { createUploads, type Uploads } from './uploads.ts';
import { element, escaped, textsOf } from './xml.ts';

/**
 * S3 for a laptop. Bodies of any size stream to and from the disk.
 *
 * *Behaviour.* Puts with conditions, reads with conditions and ranges, both listings, multipart uploads, deletes of one
 * or many, in path style or as `<bucket>.localhost`. Listings are in the order of the keys' bytes, and their pages
 * neither overlap nor skip.
 *
 * *Differences from AWS.* Signatures and checksums are not verified. There are no versions, and every other operation,
 * such as CopyObject, is answered with 501 NotImplemented.
 */
export interface S3 {
  createBucket(name: string): void;
  answer(request: IncomingMessage, response: ServerResponse): Promise<void>;
  /** Frees what is kept on disk. */
  close(): void;
}

export function openS3(): S3 {
  const buckets = createBuckets();
  const uploads = createUploads();
  return {
    createBucket: (name) => buckets.create(name),
    async answer(request, response) {
      try {
        await route({ buckets, uploads, request, response, ...addressOf(request) });
      } catch (error) {
        request.resume();
        if (response.headersSent) response.destroy();
        else refuse(request, response, error);
      }
    },
    close() {
      uploads.abortAll();
      for (const bucket of buckets.all()) for (const key of bucket.keys()) bucket.remove(key);
    },
  };
}

interface Call {
  readonly buckets: Buckets;
  readonly uploads: Uploads;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly bucket: string;
  readonly key: string;
  readonly query: URLSearchParams;
}

function route(call: Call): Promise<void> | void {
  const { request, response, buckets, bucket, key, query } = call;
  refuseUnknown(request, query);
  if (bucket === '') {
    if (request.method !== 'GET') throw notImplemented(request);
    return xml(response, element('ListAllMyBucketsResult', [element('Buckets', buckets.all().map(bucketElement))]));
  }
  if (key !== '') return objectCall(call, buckets.find(bucket));
  return bucketCall(call);
}

async function bucketCall({ request, response, buckets, bucket: name, query }: Call): Promise<void> {
  switch (request.method) {
    case 'PUT':
      buckets.create(name);
      response.writeHead(200, { location: `/${name}` }).end();
      return;
    case 'DELETE':
      buckets.remove(name);
      response.writeHead(204).end();
      return;
    case 'HEAD':
      buckets.find(name);
      response.writeHead(200).end();
      return;
    case 'GET': {
      const bucket = buckets.find(name);
      return xml(response, query.has('location') ? element('LocationConstraint', '') : listObjects(bucket, query));
    }
    case 'POST':
      if (query.has('delete')) return deleteObjects(buckets.find(name), request, response);
      throw notImplemented(request);
    default:
      throw notImplemented(request);
  }
}

async function objectCall(call: Call, bucket: Bucket): Promise<void> {
  const { request, response, uploads, key, query } = call;
  const upload = query.get('uploadId');
  switch (request.method) {
    case 'PUT': {
      if (upload === null) {
        response.writeHead(200, { etag: (await putObject(bucket, key, request)).etag }).end();
        return;
      }
      const body = await keepBody(contentOf(request));
      uploads.add(upload, { number: Number(query.get('partNumber')), body });
      response.writeHead(200, { etag: `"${body.md5.toString('hex')}"` }).end();
      return;
    }
    case 'GET':
    case 'HEAD':
      return getObject(present(bucket, key), request, response);
    case 'DELETE':
      if (upload === null) bucket.remove(key);
      else uploads.abort(upload);
      response.writeHead(204).end();
      return;
    case 'POST': {
      const names = [element('Bucket', escaped(bucket.name)), element('Key', escaped(key))];
      if (query.has('uploads')) {
        const id = uploads.begin({ key, headers: headersToKeep(request.headers) });
        return xml(response, element('InitiateMultipartUploadResult', [...names, element('UploadId', id)]));
      }
      if (upload === null) throw notImplemented(request);
      const object = uploads.complete(upload, await textOf(request));
      bucket.put(object);
      return xml(response, element('CompleteMultipartUploadResult', [...names, element('ETag', escaped(object.etag))]));
    }
    default:
      throw notImplemented(request);
  }
}

async function deleteObjects(bucket: Bucket, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const text = await textOf(request);
  const keys = textsOf(text, 'Key');
  for (const key of keys) bucket.remove(key);
  const isQuiet = textsOf(text, 'Quiet')[0] === 'true';
  const deleted = isQuiet ? [] : keys.map((key) => element('Deleted', [element('Key', escaped(key))]));
  xml(response, element('DeleteResult', deleted));
}

function present(bucket: Bucket, key: string): StoredObject {
  const object = bucket.get(key);
  if (object === undefined) throw new S3Failure(404, 'NoSuchKey', `there is no object '${key}'`);
  return object;
}

/** The bucket is in the host or first in the path. Keys may contain `..`, so the path is not normalized. */
function addressOf({ url = '/', headers }: IncomingMessage): Pick<Call, 'bucket' | 'key' | 'query'> {
  const [path = '', ...query] = url.split('?');
  const hosted = /^(.+)\.localhost(?::\d+)?$/.exec(headers.host ?? '')?.[1];
  const parts = path.slice(1).split('/');
  const bucket = hosted ?? parts.shift() ?? '';
  try {
    return { bucket, key: decodeURIComponent(parts.join('/')), query: new URLSearchParams(query.join('?')) };
  } catch {
    throw new S3Failure(400, 'InvalidURI', `the path '${path}' is not encoded as a URI`);
  }
}

/** Parameters that change what a request means. One that is not here, such as `tagging`, is another operation. */
const KNOWN = new Set([
  ...['list-type', 'prefix', 'delimiter', 'max-keys', 'start-after', 'marker', 'continuation-token', 'fetch-owner'],
  ...['encoding-type', 'location', 'delete', 'uploads', 'uploadId', 'partNumber', 'x-id'],
]);

function refuseUnknown(request: IncomingMessage, query: URLSearchParams): void {
  const unknown = [...query.keys()].some((name) => !KNOWN.has(name) && !/^x-amz-/i.test(name));
  if (unknown || request.headers['x-amz-copy-source'] !== undefined) throw notImplemented(request);
}

function notImplemented({ method, url }: IncomingMessage): S3Failure {
  return new S3Failure(501, 'NotImplemented', `the S3 of a laptop has no ${method} ${url}`);
}

function bucketElement({ name, created }: Bucket): string {
  return element('Bucket', [element('Name', escaped(name)), element('CreationDate', created.toISOString())]);
}

function xml(response: ServerResponse, body: string, status = 200): void {
  response.writeHead(status, { 'content-type': 'application/xml' });
  response.end(`<?xml version="1.0" encoding="UTF-8"?>\n${body}`);
}

function refuse(request: IncomingMessage, response: ServerResponse, error: unknown): void {
  const { status, code, message } =
    error instanceof S3Failure ? error : { status: 500, code: 'InternalError', message: String(error) };
  if (request.method === 'HEAD') response.writeHead(status).end();
  else xml(response, element('Error', [element('Code', code), element('Message', escaped(message))]), status);
}
