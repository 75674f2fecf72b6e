import { createHash, createHmac } from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';
import { afterEach, expect, test } from 'vitest';
import { openCatalog } from '../../../../functions/sinks/iceberg/catalog/rest-catalog.ts';
import { sendByFetch } from '../../../../functions/sinks/iceberg/catalog/send.ts';
import { closed, listen, portOf } from '../../../../infra/local/servers/listening.ts';
import { useEndpoint } from '../../../contracts/source-harnesses.ts';
import { noDeadline } from '../../../eventually.ts';

const ARN = 'arn:aws:s3tables:us-east-1:123456789012:bucket/analytics';
let close: (() => Promise<void>) | undefined;
afterEach(async () => {
  await close?.();
  close = undefined;
});

/** Starts a catalogue that answers every request with one table bucket as its prefix, and keeps what it was sent. */
async function start() {
  const got: { readonly request: IncomingMessage; readonly body: string }[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    got.push({ request, body: Buffer.concat(chunks).toString() });
    response.end(JSON.stringify({ overrides: { prefix: encodeURIComponent(ARN) } }));
  });
  await listen(server, 0);
  const restore = useEndpoint('http://127.0.0.1:1');
  close = async () => {
    restore();
    await closed(server);
  };
  return { endpoint: `http://127.0.0.1:${portOf(server)}/iceberg`, got };
}

test.each(['glue', 's3tables'] as const)('requests are signed for %s, with path, query and body', async (signedFor) => {
  const { endpoint, got } = await start();
  const address = { endpoint, signedFor, warehouse: ARN, namespace: 'shop', table: 'rows' };
  await openCatalog(address, sendByFetch).commit({ requirements: [], updates: [] }, noDeadline());
  expect(got.map(({ request }) => request.url)).toEqual([
    `/iceberg/v1/config?warehouse=${encodeURIComponent(ARN)}`,
    `/iceberg/v1/${encodeURIComponent(ARN)}/namespaces/shop/tables/rows`,
  ]);
  for (const { request, body } of got) {
    const { authorization = '' } = request.headers;
    expect(authorization).toContain(`/${signedFor}/aws4_request`);
    expect(authorization.split('Signature=')[1]).toBe(signatureOf(request, body));
  }
});

test('requests on a laptop are not signed', async () => {
  const { endpoint, got } = await start();
  const address = { endpoint, warehouse: 'here', namespace: 'shop', table: 'rows' };
  await openCatalog(address, sendByFetch).commit({ requirements: [], updates: [] }, noDeadline());
  expect(got.map(({ request }) => request.headers.authorization)).toEqual([undefined, undefined]);
});

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();

/** Computes a signature of version 4 as AWS's documentation says, from what has arrived. */
function signatureOf({ method, url = '', headers }: IncomingMessage, body: string): string {
  const { authorization = '' } = headers;
  const [, scope = '', names = ''] = /Credential=[^/]+\/([^,]+), SignedHeaders=([^,]+)/.exec(authorization) ?? [];
  const [path = '', query = ''] = url.split('?');
  const canonical = [
    method,
    // Each segment is encoded once more, because it is sent encoded.
    path.split('/').map(encodeURIComponent).join('/'),
    query,
    ...names.split(';').map((name) => `${name}:${headers[name]}`),
    '',
    names,
    sha256(body),
  ].join('\n');
  const text = ['AWS4-HMAC-SHA256', headers['x-amz-date'], scope, sha256(canonical)].join('\n');
  const [date = '', region = '', service = '', end = ''] = scope.split('/');
  const secret = process.env.AWS_SECRET_ACCESS_KEY ?? '';
  const key = [date, region, service, end].reduce<string | Buffer>((one, part) => hmac(one, part), `AWS4${secret}`);
  return hmac(key, text).toString('hex');
}
