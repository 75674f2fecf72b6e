import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';
import type { KinesisStreamRecord } from 'aws-lambda';
import { systemClock } from '../../../../infra/emulator/clock.ts';
import { createLog } from '../../../../infra/emulator/log/log.ts';
import { startLogServer } from '../../../../infra/emulator/log/server.ts';
import { closed, listen, portOf } from '../../../../infra/local/servers/listening.ts';
import { startS3 } from '../../../kit/servers.ts';

/** A mapping, as the API returns it. */
export type MappingJson = Readonly<Record<string, unknown>> & {
  readonly UUID: string;
  readonly State: string;
};

/** The code of a function. Its result goes to the mapping; throwing is a function error. */
export type FunctionCode = (texts: readonly string[], records: readonly KinesisStreamRecord[]) => unknown;

/**
 * Starts an emulator like LocalStack at one URL: Kinesis, S3, SQS, SNS, and a Lambda API. Its mappings deliver nothing
 * themselves, so every invocation of a function comes from the command under test.
 */
export async function startEndpoint(running: AsyncDisposableStack) {
  const mappings = new Map<string, MappingJson>();
  const functions = new Map<string, FunctionCode>();
  const changes: string[] = [];
  const log = await startLogServer(createLog({ clock: systemClock(), seed: 1, limits: 'off', transitionMillis: 0 }), {
    port: 0,
    host: '127.0.0.1',
  });
  running.defer(() => log.close());
  const others = await startS3();
  running.defer(() => others.stop());

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname } = new URL(request.url ?? '/', 'http://endpoint');
    const body = await buffer(request);
    const [, , resource = '', id = ''] = pathname.split('/');
    if (resource === 'event-source-mappings') return mappingsApi(request, response, { id, body });
    if (resource === 'functions')
      return invoke(response, { name: decodeURIComponent(id).split(':').at(-1) ?? '', body });
    const isKinesis = request.headers['x-amz-target']?.toString().startsWith('Kinesis') ?? false;
    await passOn(request, response, { to: isKinesis ? log.endpoint : others.endpoint, body });
  }

  function mappingsApi(request: IncomingMessage, response: ServerResponse, { id, body }: { id: string; body: Buffer }) {
    if (id === '') return json(response, 200, { EventSourceMappings: [...mappings.values()] });
    const mapping = mappings.get(id);
    if (mapping === undefined) return notFound(response, `no mapping ${id}`);
    if (request.method !== 'PUT') return json(response, 200, mapping);
    const { Enabled, ...settings } = JSON.parse(body.toString());
    changes.push(`${String(mapping.FunctionArn).split(':').at(-1)} ${Enabled ? 'on' : 'off'}`);
    const changed = {
      ...mapping,
      ...settings,
      ...(Enabled === undefined ? {} : { State: Enabled ? 'Enabled' : 'Disabled' }),
    };
    mappings.set(id, changed);
    json(response, 200, changed);
  }

  async function invoke(response: ServerResponse, { name, body }: { name: string; body: Buffer }): Promise<void> {
    const code = functions.get(name);
    if (code === undefined) return notFound(response, `no function ${name}`);
    const { Records } = JSON.parse(body.toString()) as { Records: KinesisStreamRecord[] };
    try {
      const result = await code(
        Records.map(({ kinesis }) => Buffer.from(kinesis.data, 'base64').toString()),
        Records,
      );
      json(response, 200, result ?? null);
    } catch (error) {
      const { name: errorType, message: errorMessage } = error as Error;
      json(response.setHeader('x-amz-function-error', 'Unhandled'), 200, { errorType, errorMessage });
    }
  }

  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => response.writeHead(500).end(String(error)));
  });
  await listen(server, 0);
  running.defer(() => closed(server));
  return { url: `http://127.0.0.1:${portOf(server)}`, mappings, functions, changes, stop: () => closed(server) };
}

function json(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
}

function notFound(response: ServerResponse, Message: string): void {
  json(response.setHeader('x-amzn-errortype', 'ResourceNotFoundException'), 404, { Type: 'User', Message });
}

async function passOn(
  request: IncomingMessage,
  response: ServerResponse,
  { to, body }: { to: string; body: Buffer },
): Promise<void> {
  const headers = Object.entries(request.headers).filter(
    ([name]) => !['host', 'connection', 'content-length', 'expect'].includes(name),
  );
  const answer = await fetch(`${to}${request.url}`, {
    method: request.method ?? 'GET',
    headers: headers.map(([name, value]): [string, string] => [name, String(value)]),
    ...(body.length > 0 ? { body: new Uint8Array(body) } : {}),
  });
  const answered = Buffer.from(await answer.arrayBuffer());
  response.writeHead(answer.status, Object.fromEntries(answer.headers)).end(answered);
}
