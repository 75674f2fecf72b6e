import { createHash, createHmac } from 'node:crypto';
import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { buffer } from 'node:stream/consumers';
import { closed, listen, portOf } from '../../infra/local/listening.ts';
import type { Server } from './server.ts';

export interface DoorOptions {
  /** As the stack's output has it. */
  readonly functionUrl: string;
  readonly server: Server;
}

/** A URL of this machine for a function's URL that asks for IAM: every request is signed and sent on. */
export async function openSignedDoor(options: DoorOptions, running: AsyncDisposableStack): Promise<string> {
  const server = createServer((request, response) => {
    pass(request, response, options).catch((error: unknown) => {
      response.writeHead(502).end(String(error));
    });
  });
  await listen(server, 0);
  running.defer(() => closed(server));
  return `http://127.0.0.1:${portOf(server)}/`;
}

async function pass(request: IncomingMessage, response: ServerResponse, options: DoorOptions): Promise<void> {
  const body = await buffer(request);
  const { host } = new URL(options.functionUrl);
  const type = request.headers['content-type'];
  const headers = signed({ host, body, ...(type === undefined ? {} : { type }) }, options);
  const target = new URL(options.server.endpoint);
  const send = target.protocol === 'https:' ? httpsRequest : httpRequest;
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    send({ hostname: target.hostname, port: target.port, path: '/', method: 'POST', headers }, resolve)
      .once('error', reject)
      .end(body);
  });
  response.writeHead(answer.statusCode ?? 502, {
    'content-type': answer.headers['content-type'] ?? 'application/json',
    ...(answer.headers['retry-after'] === undefined ? {} : { 'retry-after': answer.headers['retry-after'] }),
  });
  response.end(await buffer(answer));
}

interface Unsigned {
  readonly host: string;
  readonly body: Buffer;
  readonly type?: string;
}

/** AWS's signature, version 4, of a POST to `/`. */
function signed(
  { host, body, type }: Unsigned,
  { server: { region, credentials } }: DoorOptions,
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
  const scope = [time.slice(0, 8), region, 'lambda', 'aws4_request'];
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
