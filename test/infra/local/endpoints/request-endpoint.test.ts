import type { LambdaFunctionURLEvent } from 'aws-lambda';
import { afterEach, describe, expect, test } from 'vitest';
import type { InvokeResult } from '../../../../infra/emulator/invoke.ts';
import { openRequestEndpoint } from '../../../../infra/local/endpoints/request-endpoint.ts';

describe('a function URL on this machine', () => {
  const running: AsyncDisposableStack[] = [];
  afterEach(async () => {
    for (const stack of running.splice(0)) await stack.disposeAsync();
  });

  async function open(answer: (event: LambdaFunctionURLEvent) => InvokeResult): Promise<string> {
    const stack = new AsyncDisposableStack();
    running.push(stack);
    return openRequestEndpoint(async (payload) => answer(JSON.parse(payload) as LambdaFunctionURLEvent), 0, stack);
  }
  const returned = (value: unknown): InvokeResult => ({ outcome: 'returned', payload: JSON.stringify(value) });

  test('passes JSON on as text and anything else in base64, as Lambda does', async () => {
    const events: LambdaFunctionURLEvent[] = [];
    const url = await open((event) => {
      events.push(event);
      return returned({ statusCode: 202 });
    });
    await fetch(`${url}a/b?x=1`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"a":"ö"}',
    });
    await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/x-protobuf' },
      body: Buffer.from([255, 0]),
    });
    await fetch(url);
    expect(events).toMatchObject([
      { version: '2.0', rawPath: '/a/b', rawQueryString: 'x=1', body: '{"a":"ö"}', isBase64Encoded: false },
      { body: '/wA=', isBase64Encoded: true, requestContext: { http: { method: 'POST' } } },
      { isBase64Encoded: false, requestContext: { http: { method: 'GET' } } },
    ]);
    expect(events[2]?.body).toBeUndefined();
  });

  test('replies with the status, headers and body that the function returns', async () => {
    const url = await open(() =>
      returned({
        statusCode: 429,
        headers: { 'retry-after': '2' },
        body: Buffer.from('later').toString('base64'),
        isBase64Encoded: true,
      }),
    );
    const reply = await fetch(url, { method: 'POST', body: 'x' });
    expect([reply.status, reply.headers.get('retry-after'), await reply.text()]).toEqual([429, '2', 'later']);
  });

  test.each([
    { what: 'a value without a status', result: returned({ accepted: 1 }), status: 200, text: '{"accepted":1}' },
    {
      what: 'a function that throws',
      result: { outcome: 'error', functionError: 'Unhandled', errorType: 'Error', message: 'x' } as const,
      status: 502,
      text: 'Internal Server Error',
    },
    {
      what: 'a throttled function',
      result: { outcome: 'throttled' } as const,
      status: 429,
      text: 'Internal Server Error',
    },
  ])('replies $status for $what', async ({ result, status, text }) => {
    const reply = await fetch(await open(() => result), { method: 'POST', body: '{}' });
    expect([reply.status, await reply.text()]).toEqual([status, text]);
  });

  test('rejects a request above Lambda’s limit without calling the function', async () => {
    let calls = 0;
    const url = await open(() => {
      calls++;
      return returned({});
    });
    const reply = await fetch(url, { method: 'POST', body: Buffer.alloc(6 * 1024 * 1024 + 1) });
    expect([reply.status, calls]).toEqual([413, 0]);
  });
});
