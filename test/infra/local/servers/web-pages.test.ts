import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../../../infra/emulator/clock.ts';
import type { InvokeResult } from '../../../../infra/emulator/invoke.ts';
import { createLog } from '../../../../infra/emulator/log/log.ts';
import { startLogServer } from '../../../../infra/emulator/log/server.ts';
import { openInvokeEndpoint } from '../../../../infra/local/endpoints/invoke-endpoint.ts';
import { openRequestEndpoint } from '../../../../infra/local/endpoints/request-endpoint.ts';
import { startDynamodb } from '../../../../infra/local/servers/dynamodb-server.ts';
import { startStorage } from '../../../../infra/local/servers/storage-server.ts';
import { refusalOfWebPage } from '../../../../infra/local/servers/web-pages.ts';

describe('a web page', () => {
  const urls = new Map<string, string>();
  let running: AsyncDisposableStack;
  let invocations = 0;
  beforeAll(async () => {
    running = new AsyncDisposableStack();
    const invoke = async (): Promise<InvokeResult> => {
      invocations++;
      return { outcome: 'returned', payload: '{}' };
    };
    const log = createLog({ clock: systemClock(), seed: 1, limits: 'off' });
    const kinesis = await startLogServer(log, { port: 0, host: '127.0.0.1', refusalOf: refusalOfWebPage });
    running.defer(() => kinesis.close());
    const dynamodb = await startDynamodb();
    running.defer(() => dynamodb.stop());
    const storage = await startStorage({ region: 'us-east-1' });
    running.defer(() => storage.stop());
    urls.set('an HTTP source', await openRequestEndpoint(invoke, 0, running));
    urls.set('the invoke endpoint', `${await openInvokeEndpoint(invoke, running)}/2015-03-31/functions/f/invocations`);
    urls.set('Kinesis', kinesis.endpoint);
    urls.set('DynamoDB', dynamodb.endpoint);
    urls.set('S3', `${storage.endpoint}/bucket`);
    urls.set('SQS', storage.endpoint);
  });
  afterAll(() => running.disposeAsync());

  const methods = { S3: 'PUT', DynamoDB: 'OPTIONS' } as Readonly<Record<string, string>>;

  test.each(['an HTTP source', 'the invoke endpoint', 'Kinesis', 'DynamoDB', 'S3', 'SQS'])(
    'cannot call %s, neither as itself nor under a name that resolves to 127.0.0.1',
    async (server) => {
      const url = urls.get(server) ?? '';
      const post = (headers: Record<string, string>) => send(url, methods[server] ?? 'POST', headers);
      expect(await post({ origin: 'https://page.example' })).toMatchObject({ status: 403 });
      expect(await post({ 'sec-fetch-site': 'cross-site' })).toMatchObject({ status: 403 });
      expect(await post({ host: 'rebound.example:80' })).toMatchObject({ status: 403 });
      expect(invocations).toBe(0);
      expect((await post({})).status).not.toBe(403);
      invocations = 0;
    },
  );

  test.each([
    { host: '127.0.0.1:4566' },
    { host: 'localhost' },
    { host: '[::1]:80' },
    { host: 'bucket.localhost:80' },
    { ':authority': 'localhost:80' },
    { host: 'localhost', 'sec-fetch-site': 'none' },
  ])('is not suspected behind %j', (headers) => {
    expect(refusalOfWebPage(headers)).toBeUndefined();
  });

  test.each([
    {},
    { host: 'localhost.page.example' },
    { host: '127.0.0.1.page.example' },
    { host: 'xlocalhost' },
    { host: 'localhost', origin: 'null' },
    { host: 'localhost', origin: 'http://localhost:3000' },
  ])('is suspected behind %j', (headers) => {
    expect(refusalOfWebPage(headers)).toBeDefined();
  });
});

function send(url: string, method: string, headers: Record<string, string>): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, headers }, (response) => {
      text(response).then((body) => resolve({ status: response.statusCode ?? 0, body }), reject);
    });
    sent.once('error', reject).end(method === 'OPTIONS' ? undefined : '{}');
  });
}
