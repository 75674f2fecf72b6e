import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { z } from 'zod';
import { UserMistake } from '../../../../functions/runtime/errors.ts';
import { bearerAuthentication } from '../../../../functions/sources/http/bearer-token.ts';
import { httpDefinition, httpSource } from '../../../../functions/sources/http/http.ts';
import { RequestRejected } from '../../../../functions/sources/http/replies.ts';
import type { Request } from '../../../../functions/sources/http/request-body.ts';
import { posted, useEndpoint } from '../../../contracts/source-harnesses.ts';
import { noDeadline } from '../../../eventually.ts';

const signal = noDeadline();

const carrying = (authorization: string | undefined): Request => {
  const request = posted('application/json', { id: 'a' });
  return { ...request, headers: { ...request.headers, authorization } };
};

/** A secret that a test changes, a clock that it moves, and a count of how often the secret was read. */
function secretOf(token: string) {
  const state = { token, millis: 0, reads: 0 };
  const readToken = () => {
    state.reads++;
    return Promise.resolve(state.token);
  };
  const authenticate = bearerAuthentication(readToken, 'pipeline/step', () => state.millis);
  const accepts = async (sent: string | undefined) => {
    try {
      await authenticate(carrying(sent), signal);
      return true;
    } catch (error) {
      if (error instanceof RequestRejected) return error.reply;
      throw error;
    }
  };
  return { state, accepts };
}

test.each(['Bearer right', 'bearer right', 'BEARER  right'])('accepts %j', async (authorization) => {
  expect(await secretOf('right').accepts(authorization)).toBe(true);
});

test.each([
  [undefined, 'Bearer realm="pipeline/step"'],
  ['', 'Bearer realm="pipeline/step"'],
  ['Bearer', 'Bearer realm="pipeline/step"'],
  ['Bearer ', 'Bearer realm="pipeline/step"'],
  ['Basic cmlnaHQ=', 'Bearer realm="pipeline/step"'],
  ['right', 'Bearer realm="pipeline/step"'],
  ['Bearer right wrong', 'Bearer realm="pipeline/step"'],
  ['Bearer wrong', 'Bearer realm="pipeline/step", error="invalid_token"'],
  ['Bearer righ', 'Bearer realm="pipeline/step", error="invalid_token"'],
  ['Bearer RIGHT', 'Bearer realm="pipeline/step", error="invalid_token"'],
])('rejects %j with 401 and a challenge', async (authorization, challenge) => {
  expect(await secretOf('right').accepts(authorization)).toMatchObject({
    statusCode: 401,
    headers: { 'www-authenticate': challenge },
  });
});

test('reads the secret once for many requests', async () => {
  const { state, accepts } = secretOf('right');
  for (let n = 0; n < 10; n++) expect(await accepts('Bearer right')).toBe(true);
  expect(state.reads).toBe(1);
});

test('accepts a new token half a minute after the old one was read, and the old one no longer', async () => {
  const { state, accepts } = secretOf('old');
  expect(await accepts('Bearer old')).toBe(true);
  state.token = 'new';
  state.millis = 29_999;
  expect(await accepts('Bearer new')).toMatchObject({ statusCode: 401 });
  state.millis = 30_000;
  expect(await accepts('Bearer new')).toBe(true);
  expect(await accepts('Bearer old')).toMatchObject({ statusCode: 401 });
});

test('a revoked token is rejected after five minutes at the latest', async () => {
  const { state, accepts } = secretOf('old');
  expect(await accepts('Bearer old')).toBe(true);
  state.token = 'new';
  state.millis = 5 * 60_000;
  expect(await accepts('Bearer old')).toMatchObject({ statusCode: 401 });
});

test('guesses make it read the secret at most twice a minute', async () => {
  const { state, accepts } = secretOf('right');
  for (let second = 0; second < 60; second++) {
    state.millis = second * 1_000;
    for (let n = 0; n < 10; n++) await accepts(`Bearer guess ${n}`.replaceAll(' ', '-').replace('-', ' '));
  }
  expect(state.reads).toBe(2);
});

test('a secret that cannot be read is an error to retry, not the sender’s fault', async () => {
  const authenticate = bearerAuthentication(() => Promise.reject(new Error('no network')), 'pipeline/step', Date.now);
  await expect(authenticate(carrying('Bearer right'), signal)).rejects.toThrow('no network');
});

let close: (() => Promise<void>) | undefined;
afterEach(() => close?.());

test('the source reads its token from Secrets Manager, and checks the caller’s before it looks at the body', async () => {
  const asked: string[] = [];
  const server = createServer(async (request, response) => {
    asked.push(Buffer.concat(await Array.fromAsync(request)).toString());
    response.setHeader('content-type', 'application/x-amz-json-1.1');
    response.end(JSON.stringify({ SecretString: 'right' }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const restore = useEndpoint(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  close = async () => {
    restore();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };

  const { options } = httpSource({ schema: z.object({ id: z.string() }), type: 't', key: 'id', callers: 'bearer' });
  const source = httpDefinition.open({
    step: 'pipeline/step',
    pipelines: [],
    options: httpDefinition.options.parse(options),
    resources: httpDefinition.resources.parse({ tokenSecret: 'arn:secret' }),
  });
  const accepted = await source.receive(carrying('Bearer right'), signal);
  expect(accepted.events).toHaveLength(1);
  const refused = await source.receive({ ...carrying('Bearer wrong'), body: 'no JSON' }, signal);
  expect(refused.reply({ outcome: 'appended', count: 0 })).toMatchObject({ statusCode: 401 });
  expect(asked).toEqual(['{"SecretId":"arn:secret"}']);
});

test('a source with callers: bearer and without a secret fails when it is opened', () => {
  const { options } = httpSource({ schema: z.object({ id: z.string() }), type: 't', key: 'id', callers: 'bearer' });
  const open = () =>
    httpDefinition.open({
      step: 'pipeline/step',
      pipelines: [],
      options: httpDefinition.options.parse(options),
      resources: {},
    });
  expect(open).toThrow(UserMistake);
});
