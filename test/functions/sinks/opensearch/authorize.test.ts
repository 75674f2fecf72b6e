import { createHash, createHmac } from 'node:crypto';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { loggedInBy, signedFor } from '../../../../functions/sinks/opensearch/authorize.ts';
import { noDeadline } from '../../../eventually.ts';
import { startReceiver } from '../../../kit/webhook-server.ts';

const CREDENTIALS = {
  AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE',
  AWS_SECRET_ACCESS_KEY: 'wJalrXUtnFEMI',
  AWS_REGION: 'eu-west-1',
};
const before = { ...process.env };
beforeEach(() => Object.assign(process.env, CREDENTIALS));
afterEach(() => {
  process.env = { ...before };
});

const sha256 = (text: string | Uint8Array): string => createHash('sha256').update(text).digest('hex');
const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();

test.each(['es', 'aoss'])(
  'a request for %s is signed as Signature Version 4 says, with the hash of its body',
  async (service) => {
    const arn = `arn:aws:${service}:eu-central-1:123456789012:${service === 'es' ? 'domain' : 'collection'}/orders`;
    const body = Buffer.from('{"index":{}}\n{}\n');
    const { headers } = await signedFor(arn).authorized(
      'https://search.example.com',
      { method: 'POST', path: '/orders/_bulk', headers: { 'content-type': 'application/x-ndjson' }, body },
      noDeadline(),
    );
    const date = headers['x-amz-date'] ?? '';
    const scope = `${date.slice(0, 8)}/eu-central-1/${service}/aws4_request`;
    const canonical = [
      ...['POST', '/orders/_bulk', '', 'content-type:application/x-ndjson', 'host:search.example.com'],
      ...[`x-amz-content-sha256:${sha256(body)}`, `x-amz-date:${date}`, ''],
      ...['content-type;host;x-amz-content-sha256;x-amz-date', sha256(body)],
    ].join('\n');
    const day = hmac(`AWS4${CREDENTIALS.AWS_SECRET_ACCESS_KEY}`, date.slice(0, 8));
    const key = hmac(hmac(hmac(day, 'eu-central-1'), service), 'aws4_request');
    const signature = hmac(key, ['AWS4-HMAC-SHA256', date, scope, sha256(canonical)].join('\n')).toString('hex');
    expect(headers.authorization).toBe(
      `AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/${scope}, SignedHeaders=content-type;host;x-amz-content-sha256;x-amz-date, Signature=${signature}`,
    );
    expect(headers).toMatchObject({ 'x-amz-content-sha256': sha256(body) });
    expect(headers).not.toHaveProperty('host');
  },
);

test('a login comes from its secret, which is read again once the server has refused it', async () => {
  const secrets = ['orders:first:part', 'orders:second', 'random characters'];
  const manager = await startReceiver(() => ({
    status: 200,
    headers: { 'content-type': 'application/x-amz-json-1.1' },
    body: JSON.stringify({ SecretString: secrets.shift() }),
  }));
  process.env.AWS_ENDPOINT_URL_SECRETS_MANAGER = manager.url;
  try {
    const login = loggedInBy('arn:aws:secretsmanager:eu-west-1:1:secret:login');
    const request = { method: 'GET', path: '/', headers: {}, body: undefined } as const;
    const sent = async () =>
      (await login.authorized('https://search.example.com', request, noDeadline())).headers.authorization;
    const basic = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`;
    expect([await sent(), await sent()]).toEqual([basic('orders:first:part'), basic('orders:first:part')]);
    login.renew();
    expect(await sent()).toBe(basic('orders:second'));
    login.renew();
    await expect(sent()).rejects.toThrow(
      'the secret arn:aws:secretsmanager:eu-west-1:1:secret:login is no login: store user:password as its whole value',
    );
  } finally {
    await manager.stop();
  }
});
