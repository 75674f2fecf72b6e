import { isUtf8 } from 'node:buffer';
import { gunzipSync } from 'node:zlib';
import { RequestRefused } from './replies.ts';

/** What Lambda makes of an HTTP request (function URLs, payload format 2.0): header names in lower case. */
export interface Request {
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly requestContext: { readonly http: { readonly method: string }; readonly timeEpoch: number };
  readonly body?: string | undefined;
  readonly isBase64Encoded: boolean;
}

/** How the body holds events: bare JSON, or CloudEvents by one of the modes of their HTTP binding. */
export type BodyMode = 'bare' | 'binary' | 'structured' | 'batch';

export interface RequestBody {
  readonly mode: BodyMode;
  /** UTF-8, without a byte order mark. */
  readonly bytes: Buffer;
}

/** Lambda takes requests of 6 MB (base64 included); a compressed body may become as long, and no longer. */
export const LONGEST_BODY_BYTES = 6 * 1024 * 1024;

/** Throws `RequestRefused`: 405, 415, 413, or 400 for a body that is not what its headers say. */
export function bodyOf(request: Request): RequestBody {
  const { method } = request.requestContext.http;
  if (method !== 'POST')
    throw new RequestRefused(405, `${method} does nothing here: POST events`, { headers: { allow: 'POST' } });
  const mode = modeOf(request);
  const bytes = withoutMark(decoded(request));
  if (bytes.length === 0) throw new RequestRefused(400, 'the body is empty: send a JSON object or an array of them');
  if (!isUtf8(bytes)) throw new RequestRefused(400, 'the body is not UTF-8');
  return { mode, bytes };
}

const MODES: ReadonlyMap<string, BodyMode> = new Map([
  ['application/json', 'bare'],
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
    throw new RequestRefused(415, `the content type is '${type}': send one of ${accepted}`, {
      headers: { accept: accepted },
    });
  const charset = parameters.find((each) => each.startsWith('charset='))?.slice('charset='.length);
  if (charset !== undefined && !CHARSETS.has(charset.replaceAll('"', '')))
    throw new RequestRefused(415, `the charset is '${charset}': send UTF-8, as JSON is defined`);
  return mode === 'bare' && headers['ce-specversion'] !== undefined ? 'binary' : mode;
}

const CHARSETS = new Set(['utf-8', 'utf8', 'us-ascii']);

function decoded({ headers, body = '', isBase64Encoded }: Request): Buffer {
  const sent = Buffer.from(body, isBase64Encoded ? 'base64' : 'utf8');
  if (sent.length > LONGEST_BODY_BYTES) throw tooLong(`has ${sent.length} bytes`);
  const encoding = headers['content-encoding']?.trim().toLowerCase() ?? 'identity';
  if (encoding === 'identity') return sent;
  if (encoding !== 'gzip')
    throw new RequestRefused(415, `the content encoding is '${encoding}': send gzip or none`, {
      headers: { 'accept-encoding': 'gzip' },
    });
  return inflated(sent);
}

function inflated(sent: Buffer): Buffer {
  try {
    return gunzipSync(sent, { maxOutputLength: LONGEST_BODY_BYTES });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ERR_BUFFER_TOO_LARGE') throw tooLong('becomes longer when it is decompressed');
    throw new RequestRefused(400, `the body is not gzip: ${message}`);
  }
}

function tooLong(how: string): RequestRefused {
  return new RequestRefused(
    413,
    `the body ${how}: at most ${LONGEST_BODY_BYTES} bytes are taken, so send fewer events at once`,
  );
}

function withoutMark(bytes: Buffer): Buffer {
  return bytes.subarray(0, 3).equals(UTF8_MARK) ? bytes.subarray(3) : bytes;
}

const UTF8_MARK = Buffer.from([0xef, 0xbb, 0xbf]);
