import { createHash, createHmac } from 'node:crypto';
import type { Caller } from './caller.ts';

/** A POST request to the path `/` of an AWS service. */
export interface Unsigned {
  readonly service: string;
  readonly host: string;
  readonly body: Buffer;
  readonly type?: string;
}

/** Returns the request's headers with AWS Signature Version 4. */
export function signed(
  { service, host, body, type }: Unsigned,
  { region, credentials }: Pick<Caller, 'region' | 'credentials'>,
): Record<string, string> {
  const { accessKeyId, secretAccessKey, sessionToken } = credentials;
  const time = new Date().toISOString().replaceAll(/[-:]|\.\d+/g, '');
  const hash = sha256(body);
  const headers: Record<string, string> = {
    ...(type === undefined ? {} : { 'content-type': type }),
    host,
    'x-amz-content-sha256': hash,
    'x-amz-date': time,
    ...(sessionToken === undefined ? {} : { 'x-amz-security-token': sessionToken }),
  };
  const names = Object.keys(headers).sort();
  const canonical = ['POST', '/', '', ...names.map((name) => `${name}:${headers[name]}`), '', names.join(';'), hash];
  const scope = [time.slice(0, 8), region, service, 'aws4_request'];
  const toSign = ['AWS4-HMAC-SHA256', time, scope.join('/'), sha256(canonical.join('\n'))].join('\n');
  const key = scope.reduce<string | Buffer>((made, part) => hmac(made, part), `AWS4${secretAccessKey}`);
  return {
    ...headers,
    'content-length': String(body.length),
    authorization: `AWS4-HMAC-SHA256 Credential=${accessKeyId}/${scope.join('/')}, SignedHeaders=${names.join(';')}, Signature=${hmac(key, toSign).toString('hex')}`,
  };
}

function sha256(data: string | Buffer): string {
  return createHash('sha256').update(data).digest('hex');
}

function hmac(key: string | Buffer, data: string): Buffer {
  return createHmac('sha256', key).update(data).digest();
}
