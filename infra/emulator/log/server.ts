import {
  createServer as createHttp1Server,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import { createServer as createHttp2Server, type Http2ServerRequest, type Http2ServerResponse } from 'node:http2';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { objectFromCbor, objectToCbor } from './cbor.ts';
import type { Log } from './log.ts';
import { LogError } from './log-error.ts';
import { inputFromJson, outputToJson } from './wire.ts';

export interface LogServer {
  /** The URL that a client takes as its endpoint. */
  readonly endpoint: string;
  /** Ends every connection. */
  close(): Promise<void>;
}

export interface ServerAddress {
  readonly port: number;
  readonly host: string;
  /** Tells why a request with these headers is refused with status 403. Undefined, or none given: it is answered. */
  readonly refusalOf?: (headers: IncomingHttpHeaders) => string | undefined;
}

/**
 * Serves a log to the AWS SDKs and the AWS CLI.
 *
 * *Behaviour.* AWS JSON 1.1, and CBOR 1.1 as the Java SDK sends it by default, over HTTP/1.1 and over HTTP/2 on one
 * port. An answer is in the protocol of its request. An error is status 400, with its name in `__type` and in
 * `x-amzn-errortype`.
 *
 * *Differences from AWS.* There is no TLS, and signatures are not checked. A body has at most 16 MiB. A defect of the
 * log is status 500 with its stack.
 */
export async function startLogServer(log: Log, address: ServerAddress): Promise<LogServer> {
  let requests = 0;
  const handle = (request: Request, response: Response) => {
    const requestId = `00000000-0000-4000-8000-${String(++requests).padStart(12, '0')}`;
    response.setHeader('x-amzn-requestid', requestId);
    const refusal = address.refusalOf?.(request.headers);
    if (refusal !== undefined) {
      request.resume();
      const body = JSON.stringify({ __type: 'AccessDeniedException', message: refusal });
      send(response, 403, { contentType: 'application/x-amz-json-1.1', body });
      return;
    }
    answer(log, request, response).catch(() => request.destroy());
  };
  const http1 = createHttp1Server({ keepAliveTimeout: 60_000 }, handle);
  const http2 = createHttp2Server({ settings: { initialWindowSize: 16_777_216 } }, handle);
  http2.on('session', (session) => session.setLocalWindowSize(16_777_216));
  const sockets = new Set<Socket>();

  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    socket.once('data', (first) => {
      socket.pause();
      socket.unshift(first);
      const isHttp2 = first.subarray(0, http2Preface.length).toString('latin1') === http2Preface;
      (isHttp2 ? http2 : http1).emit('connection', socket);
      if (!isHttp2) process.nextTick(() => socket.resume());
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(address.port, address.host, resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    endpoint: `http://${address.host}:${port}`,
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

type Request = IncomingMessage | Http2ServerRequest;
type Response = ServerResponse | Http2ServerResponse;

const http2Preface = 'PRI * HTTP/2.0';
const targetPrefix = 'Kinesis_20131202.';
/** 10 MiB of data in base64, the keys, and room for the JSON around them. */
const largestBody = 16_777_216;

/** A form of bodies. An operation without output has an empty body in each. */
interface Protocol {
  readonly contentType: string;
  read(operation: string, body: Buffer): object;
  write(operation: string, output: object): string | Uint8Array;
  writeError(error: { readonly __type: string; readonly message: string }): string | Uint8Array;
}

const json: Protocol = {
  contentType: 'application/x-amz-json-1.1',
  read: (operation, body) => inputFromJson(operation, body.toString()),
  write: outputToJson,
  writeError: (error) => JSON.stringify(error),
};

const cbor: Protocol = {
  contentType: 'application/x-amz-cbor-1.1',
  read: (_, body) => objectFromCbor(body),
  write: (_, output) => (Object.keys(output).length === 0 ? '' : objectToCbor(output)),
  writeError: objectToCbor,
};

async function answer(log: Log, request: Request, response: Response): Promise<void> {
  const type = request.headers['content-type'];
  const protocol = type === cbor.contentType ? cbor : json;
  const { contentType } = protocol;
  try {
    const body = await bodyOf(request);
    const operation = operationOf(request);
    const output = protocol.write(operation, log.call(operation, protocol.read(operation, body)));
    send(response, 200, { contentType, body: output });
  } catch (error) {
    if (error instanceof LogError) {
      response.setHeader('x-amzn-errortype', error.name);
      send(response, 400, { contentType, body: protocol.writeError({ __type: error.name, message: error.message }) });
      return;
    }
    // A defect of this log. The caller sees it as a fault of the service.
    const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
    send(response, 500, { contentType, body: protocol.writeError({ __type: 'InternalFailure', message }) });
  }
}

function operationOf(request: Request): string {
  const target = request.headers['x-amz-target'];
  const type = request.headers['content-type'];
  if (type !== json.contentType && type !== cbor.contentType) {
    const wanted = `${json.contentType} or ${cbor.contentType}`;
    throw new LogError('UnknownOperationException', `content-type is '${type}': send ${wanted}`);
  }
  if (typeof target !== 'string' || !target.startsWith(targetPrefix)) {
    throw new LogError('UnknownOperationException', `x-amz-target is '${target}': send ${targetPrefix}<operation>`);
  }
  return target.slice(targetPrefix.length);
}

function bodyOf(request: Request): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    request.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size <= largestBody) chunks.push(chunk);
    });
    request.on('error', reject);
    request.on('end', () => {
      if (size <= largestBody) resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks));
      else reject(new LogError('SerializationException', `the body has ${size} bytes: send at most ${largestBody}`));
    });
  });
}

interface Answer {
  readonly contentType: string;
  readonly body: string | Uint8Array;
}

function send(response: Response, status: number, { contentType, body }: Answer): void {
  const headers = { 'content-type': contentType, 'content-length': Buffer.byteLength(body) };
  // Both kinds of response have these methods, but no signature in common.
  (response as ServerResponse).writeHead(status, headers);
  (response as ServerResponse).end(body);
}
