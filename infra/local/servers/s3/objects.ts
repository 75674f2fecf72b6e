import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { keepBody } from './bodies.ts';
import type { Bucket, StoredObject } from './buckets.ts';
import { S3Failure } from './failure.ts';
import { contentOf } from './request-body.ts';

/** Stores a request's body as an object. Resolves when the object is whole; a body that breaks off changes nothing. */
export async function putObject(bucket: Bucket, key: string, request: IncomingMessage): Promise<StoredObject> {
  const body = await keepBody(contentOf(request));
  const { 'if-none-match': unless, 'if-match': only } = request.headers;
  const present = bucket.get(key);
  if ((unless === '*' && present !== undefined) || (only !== undefined && present?.etag !== quoted(only))) {
    body.drop();
    throw new S3Failure(412, 'PreconditionFailed', 'the object that is there does not meet the condition');
  }
  const object = {
    key,
    bodies: [body],
    size: body.size,
    etag: `"${body.md5.toString('hex')}"`,
    modified: new Date(),
    headers: headersToKeep(request.headers),
  };
  bucket.put(object);
  return object;
}

/** Answers GET and HEAD, with the conditions and the one range that S3's clients send. */
export async function getObject(object: StoredObject, request: IncomingMessage, response: ServerResponse) {
  const { range, 'if-match': only, 'if-none-match': unless } = request.headers;
  if (only !== undefined && quoted(only) !== object.etag)
    throw new S3Failure(412, 'PreconditionFailed', `the object has the ETag ${object.etag}`);
  const headers = {
    'content-type': 'application/octet-stream',
    ...object.headers,
    etag: object.etag,
    'last-modified': object.modified.toUTCString(),
    'accept-ranges': 'bytes',
  };
  if (unless !== undefined && quoted(unless) === object.etag) {
    response.writeHead(304, headers).end();
    return;
  }
  const wanted = rangeOf(range, object.size);
  const { from, to } = wanted ?? { from: 0, to: object.size };
  response.writeHead(wanted === undefined ? 200 : 206, {
    ...headers,
    'content-length': to - from,
    ...(wanted === undefined ? {} : { 'content-range': `bytes ${from}-${to - 1}/${object.size}` }),
  });
  if (request.method === 'HEAD') response.end();
  else await pipeline(Readable.from(bytesOf(object, from, to)), response);
}

async function* bytesOf({ bodies }: StoredObject, from: number, to: number): AsyncIterable<Uint8Array> {
  let start = 0;
  for (const body of bodies) {
    const [first, end] = [Math.max(from - start, 0), Math.min(to - start, body.size)];
    if (first < end) yield* body.read(first, end);
    start += body.size;
  }
}

/** The end is exclusive. Undefined: no range, or none that S3 understands, which gives the whole object. */
function rangeOf(range: string | undefined, size: number): { from: number; to: number } | undefined {
  const [, first = '', last = ''] = /^bytes=(\d*)-(\d*)$/.exec(range ?? '') ?? [];
  if (first === '' && last === '') return undefined;
  const from = first === '' ? Math.max(size - Number(last), 0) : Number(first);
  const to = first === '' || last === '' ? size : Math.min(Number(last) + 1, size);
  if (from >= to) throw new S3Failure(416, 'InvalidRange', `the object has ${size} bytes: '${range}' is none of them`);
  return { from, to };
}

const KEPT = ['content-type', 'content-language', 'content-disposition', 'cache-control', 'expires'];

/** Selects the headers of a PUT that belong to the object. `aws-chunked` is how the body travels, so it is dropped. */
export function headersToKeep(headers: IncomingHttpHeaders): Record<string, string> {
  const kept = Object.entries(headers).filter(([name]) => KEPT.includes(name) || name.startsWith('x-amz-meta-'));
  const encoding = (headers['content-encoding'] ?? '').split(',').map((one) => one.trim());
  const own = encoding.filter((one) => one !== 'aws-chunked' && one !== '').join(',');
  if (own !== '') kept.push(['content-encoding', own]);
  return Object.fromEntries(kept.map(([name, value]) => [name, String(value)]));
}

function quoted(etag: string): string {
  return `"${etag.replaceAll('"', '')}"`;
}
