import { createServer } from 'node:http';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { openSearchSink } from '../../../../functions/sinks/opensearch/opensearch.ts';
import { slackSink, webhookSink } from '../../../../functions/sinks/webhook/webhook.ts';
import { closed, listen, portOf } from '../../../../infra/local/servers/listening.ts';
import { namesOf } from '../../../../infra/names.ts';
import { examineDestination } from '../../../../infra/operation/doctor/destinations.ts';
import { examineDev } from '../../../../infra/operation/doctor/doctor.ts';
import { examineEndpoint } from '../../../../infra/operation/doctor/endpoint.ts';
import type { Finding } from '../../../../infra/operation/doctor/finding.ts';
import type { StageWithSecrets } from '../../../../infra/operation/doctor/secret.ts';
import { definePipeline } from '../../../../infra/pipelines/pipeline.ts';
import { planOf } from '../../../../infra/pipelines/plan.ts';
import { noDeadline } from '../../../eventually.ts';

const NOW = Date.parse('2026-06-01T12:00:00Z');
const KEY = 'whsec_a2V5IG9mIHRoaXMgbGFwdG9w';

/** A server that answers each request, and what it was asked. */
async function receiver({ status = 200, date = new Date(NOW) } = {}) {
  const asked: string[] = [];
  const server = createServer(({ method, url, headers }, response) => {
    asked.push(`${method} ${url} ${headers.authorization ?? ''}`.trim());
    response.setHeader('date', date.toUTCString());
    response.writeHead(status).end();
  });
  await listen(server, 0);
  const origin = `http://127.0.0.1:${portOf(server)}`;
  return { origin, asked, [Symbol.asyncDispose]: () => closed(server) };
}

type Write = Omit<ReturnType<typeof webhookSink>, 'connector'> & { readonly connector: 'webhook' | 'opensearch' };

function planWith(write: Write) {
  const pipeline = definePipeline({
    name: 'shop',
    streams: { sales: { schema: z.object({ total: z.number() }) } },
    sinks: { out: { from: 'sales', write: write as ReturnType<typeof webhookSink> } },
  });
  return planOf(pipeline, [pipeline]);
}

/** The texts of secrets by their purposes, or the error of a call by its name. */
type Secrets = Readonly<Record<string, string>>;

async function findings(write: Write, given: Secrets = {}): Promise<readonly Finding[]> {
  const names = namesOf({ stage: 'dev', account: '123456789012', region: 'eu-west-1', partition: 'aws' });
  const send = async (command: {
    readonly constructor: { readonly name: string };
    readonly input: { SecretId?: string };
  }) => {
    const failure = given[command.constructor.name] ?? given['*'];
    if (failure !== undefined) throw Object.assign(new Error(failure), { name: failure });
    return { SecretString: given[command.input.SecretId?.split('--').at(-1) ?? ''] };
  };
  const stage = { target: { names }, secrets: { send }, signal: noDeadline() } as unknown as StageWithSecrets;
  return examineDestination(planWith(write).steps[0] as Parameters<typeof examineDestination>[0], stage, NOW);
}

const brief = (all: readonly Finding[]) => all.map(({ what, state, found, fix }) => [what, state, found, fix]);

describe('doctor, about what a sink sends to', () => {
  test('asks a receiver for nothing, and shows no more of a secret URL than its origin', async () => {
    await using server = await receiver({ status: 404 });
    const found = await findings(slackSink({ message: '{key}' }), { url: `${server.origin}/services/T0/B0/token` });
    expect(brief(found)).toEqual([
      ['secret url', 'ok', 'has the form that the step needs', undefined],
      ['endpoint', 'ok', `${server.origin} answers`, undefined],
    ]);
    expect(server.asked).toEqual(['HEAD /']);
    expect(JSON.stringify(found)).not.toContain('token');
  });

  test('says that a secret still has the value of the deployment, and the command that stores another', async () => {
    const made = 'xYz-0123456789abcdefghijkl!';
    const fix = (purpose: string) =>
      `aws secretsmanager put-secret-value --secret-id millrace-dev-shop--out--${purpose} --secret-string file:///dev/stdin`;
    const found = await findings(webhookSink({}), { url: made, 'signing-key': made });
    expect(brief(found)).toEqual([
      [
        'secret signing-key',
        'wrong',
        expect.stringMatching(/^the signing key is not base64 of 16 bytes or more/),
        fix('signing-key'),
      ],
      ['secret url', 'wrong', expect.stringMatching(/^it is no URL of https: store the receiver's URL/), fix('url')],
    ]);
    expect(JSON.stringify(found)).not.toContain(made);
    const search = openSearchSink({ endpoint: 'http://127.0.0.1:1', index: 'sales' });
    expect(brief(await findings(search, { login: made }))[0]).toEqual([
      'secret login',
      'wrong',
      'it is no login: store user:password as its whole value',
      fix('login'),
    ]);
  });

  test('does without the value of a secret that the credentials may not read, and names the right that is missing', async () => {
    await using server = await receiver();
    const sink = webhookSink({ url: server.origin });
    expect(brief(await findings(sink, { GetSecretValueCommand: 'AccessDeniedException' }))[0]).toEqual([
      'secret signing-key',
      'ok',
      'is there; its form is not checked, because your credentials may not read it',
      undefined,
    ]);
    expect(brief(await findings(sink, { '*': 'AccessDeniedException' }))[0]).toEqual([
      'secret signing-key',
      'refused',
      'your credentials lack secretsmanager:DescribeSecret',
      expect.stringMatching(/^allow secretsmanager:DescribeSecret on arn:aws:secretsmanager:eu-west-1:\d{12}:secret:/),
    ]);
    expect(brief(await findings(sink, { '*': 'ResourceNotFoundException' }))[0]?.slice(0, 3)).toEqual([
      'secret signing-key',
      'wrong',
      'is missing',
    ]);
  });

  test('says that OpenSearch does not accept the login, and what an answer of 5xx means', async () => {
    await using server = await receiver({ status: 401 });
    const search = openSearchSink({ endpoint: server.origin, index: 'sales' });
    const [, endpoint] = await findings(search, { login: 'app:pass:word\n' });
    expect(endpoint).toMatchObject({
      state: 'wrong',
      found: `${server.origin} answers 401: it does not accept the login`,
    });
    expect(server.asked).toEqual([`HEAD / Basic ${Buffer.from('app:pass:word').toString('base64')}`]);
    await using broken = await receiver({ status: 503 });
    const [, away] = await findings(webhookSink({ url: broken.origin }), { 'signing-key': KEY });
    expect(away).toMatchObject({ state: 'wrong', found: `${broken.origin} answers 503` });
  });

  test.each([
    ['takes no connection', 'http', /^correct `url`, or start the server$/],
    ['does not speak TLS', 'https', /^correct `url`, or let the server speak TLS 1\.2 or newer$/],
  ])('says that a server %s', async (wrong, scheme, fix) => {
    await using server = await receiver();
    const url = server.origin.replace('http', scheme);
    if (scheme === 'http') await server[Symbol.asyncDispose]();
    const [found] = await examineEndpoint(
      { of: 'shop/out', url, saidIn: '`url`' },
      { nowMillis: NOW, signal: noDeadline() },
    );
    expect(found).toMatchObject({ state: 'wrong', found: `${url} ${wrong}`, fix: expect.stringMatching(fix) });
  });

  test('compares the clocks: signatures of another time are refused', async () => {
    await using server = await receiver({ date: new Date(NOW - 7 * 60_000) });
    const found = await findings(webhookSink({ url: server.origin }), { 'signing-key': KEY });
    expect(found.find(({ what }) => what === 'clock')).toMatchObject({
      state: 'wrong',
      found: `${server.origin} is 7 minutes behind this machine: signatures are valid for 5 minutes`,
    });
  });

  test('in a dev, asks servers of this machine only: dev itself takes all other requests', async () => {
    await using server = await receiver({ date: new Date() });
    const at = { nowMillis: Date.now(), signal: noDeadline() };
    const foundOf = async (write: Write) => brief(await examineDev([planWith(write)], at));
    expect(await foundOf(webhookSink({ url: server.origin }))).toEqual([
      ['endpoint', 'ok', `${server.origin} answers`, undefined],
    ]);
    expect(await foundOf(slackSink({ message: '{key}' }))).toEqual([
      ['endpoint', 'ok', 'dev takes its requests, and needs no secret', undefined],
    ]);
  });
});
