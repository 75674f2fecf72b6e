import { isUtf8 } from 'node:buffer';
import { hasUtf8Mark, UTF8_MARK } from '../../runtime/json/json-bytes.ts';
import { gunzip } from '../../runtime/record-codec/gunzip.ts';
import { RequestRejected } from './replies.ts';

/** An HTTP request as Lambda passes it (function URLs, payload format 2.0): header names are in lower case. */
export interface Request {
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly requestContext: { readonly http: { readonly method: string }; readonly timeEpoch: number };
  readonly body?: string | undefined;
  readonly isBase64Encoded: boolean;
}

/** The form of a body: bare JSON, lines of bare JSON, or CloudEvents in one of the modes of their HTTP binding. */
export type BodyMode = 'bare' | 'lines' | 'binary' | 'structured' | 'batch';

export interface RequestBody {
  readonly mode: BodyMode;
  /** UTF-8, without a byte order mark. */
  readonly bytes: Buffer;
}

/**
 * Lambda accepts requests of 6 MB (base64 included). A compressed body may have the same length after decompression.
 */
export const LONGEST_BODY_BYTES = 6 * 1024 * 1024;

/**
 * Decodes a request's body. Throws `RequestRejected`: 405, 415, 413, or 400 for a body that does not match its headers.
 */
export function bodyOf(request: Request): RequestBody {
  const { method } = request.requestContext.http;
  if (method !== 'POST')
    throw new RequestRejected(405, `the method is ${method}: send events by POST`, { headers: { allow: 'POST' } });
  const mode = modeOf(request);
  const bytes = withoutMark(decoded(request));
  if (bytes.length === 0) throw new RequestRejected(400, 'the body is empty: send a JSON object or an array of them');
  if (!isUtf8(bytes)) throw new RequestRejected(400, 'the body is not UTF-8');
  return { mode, bytes };
}

const MODES: ReadonlyMap<string, BodyMode> = new Map([
  ['application/json', 'bare'],
  ['application/x-ndjson', 'lines'],
  ['application/ndjson', 'lines'],
  ['application/cloudevents+json', 'structured'],
  ['application/cloudevents-batch+json', 'batch'],
]);

function modeOf({ headers }: Request): BodyMode {
  const [type = '', ...parameters] = (headers['content-type'] ?? '')
    .split(';')
    .map((part) => part.trim().toLowerCase());
  const mode = MODES.get(type);
  const accepted = [...MODES.keys()].join(', ');
  if (mode === undefined)
    throw new RequestRejected(
      415,
      `the content type is '${type}': send one of ${accepted}, as curl -H 'content-type: application/json' -d '{…}' does`,
      { headers: { accept: accepted } },
    );
  const charset = parameters.find((each) => each.startsWith('charset='))?.slice('charset='.length);
  if (charset !== undefined && !CHARSETS.has(charset.replaceAll('"', '')))
    throw new RequestRejected(415, `the charset is '${charset}': send UTF-8, as JSON is defined`);
  const isEvent = headers['ce-specversion'] !== undefined;
  if (isEvent && mode === 'lines')
    throw new RequestRejected(
      400,
      'the headers describe one CloudEvent, and the body is lines of JSON: leave the headers ce-… out, or send one event as application/json',
    );
  return isEvent && mode === 'bare' ? 'binary' : mode;
}

const CHARSETS = new Set(['utf-8', 'utf8', 'us-ascii']);

function decoded({ headers, body = '', isBase64Encoded }: Request): Buffer {
  const sent = Buffer.from(body, isBase64Encoded ? 'base64' : 'utf8');
  if (sent.length > LONGEST_BODY_BYTES) throw tooLong(`has ${sent.length} bytes`);
  const encoding = headers['content-encoding']?.trim().toLowerCase() ?? 'identity';
  if (encoding === 'identity') return sent;
  if (encoding !== 'gzip' && encoding !== 'x-gzip')
    throw new RequestRejected(415, `the content encoding is '${encoding}': send gzip or none`, {
      headers: { 'accept-encoding': 'gzip' },
    });
  return inflated(sent);
}

function inflated(sent: Buffer): Buffer {
  try {
    return gunzip(sent, LONGEST_BODY_BYTES);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ERR_BUFFER_TOO_LARGE') throw tooLong('is longer than that after decompression');
    throw new RequestRejected(400, `the body is not gzip: ${message}`);
  }
}

function tooLong(how: string): RequestRejected {
  return new RequestRejected(
    413,
    `the body ${how}; at most ${LONGEST_BODY_BYTES} bytes are accepted: send fewer events at once`,
  );
}

function withoutMark(bytes: Buffer): Buffer {
  return hasUtf8Mark(bytes) ? bytes.subarray(UTF8_MARK.length) : bytes;
}
