import { expect, test } from 'vitest';
import { requestIdOf, requestOf, signatureOf, signingKeyIn } from '../../../../functions/sinks/webhook/request.ts';
import { logOf } from '../../../contracts/slices.ts';

const plain = { body: 'event', headers: {} } as const;

test('the signature is that of Standard Webhooks', () => {
  // The example of the specification's own libraries.
  const key = signingKeyIn('whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw');
  const request = { id: 'msg_p5jXN8AQM9LWM0D4loKWxJek', body: Buffer.from('{"test": 2432232314}') };
  expect(signatureOf(request, { key, nowMillis: 1_614_265_330_999 })).toEqual({
    'webhook-timestamp': '1614265330',
    'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
  });
});

test.each(['', 'whsec_', 'too short', 'c2hvcnQ=', '{"key":"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}'])(
  'a signing key that is no key is not used, and not shown: %s',
  (text) => {
    expect(() => signingKeyIn(text)).toThrow(/^the signing key is not base64 of 16 bytes or more: store such a key/);
  },
);

test('the key that CloudFormation generates, forty letters and digits, is one', () => {
  expect(signingKeyIn('Ab3Ab3Ab3Ab3Ab3Ab3Ab3Ab3Ab3Ab3Ab3Ab3Ab3A\n')).toHaveLength(30);
});

test('the id is the source and the sequence, and no two events share one', () => {
  const idOf = (source: string, sequence: string | undefined, id = 'i') => requestIdOf({ source, sequence, id });
  expect(idOf('/shop/orders/1', '0042')).toBe('/shop/orders/1|0042');
  expect(idOf('/shop/orders/1', undefined, '7')).toBe('/shop/orders/1||7');
  const hostile = [
    idOf('a|b', 'c'),
    idOf('a', 'b|c'),
    idOf('a', '|c'),
    idOf('a', undefined, 'c'),
    idOf('a.b', 'c'),
    idOf('a', 'b.c'),
    idOf('a"\r\nx: y', 'c'),
    idOf('\uD800', 'c'),
    idOf('x'.repeat(10_000), 'c'),
    idOf('x'.repeat(10_001), 'c'),
  ];
  expect(new Set(hostile).size).toBe(hostile.length);
  for (const id of hostile) expect(id).toMatch(/^[\x21\x23-\x2d\x2f-\x7e]{1,255}$/);
});

test('a request with the event has the bytes of the log, and the same id as the request with the data', () => {
  const [event] = logOf([{ data: { n: 1 }, json: '{"n": 12345678901234567890}', key: 'k' }]);
  const whole = requestOf(event!, plain);
  expect(Buffer.from(whole.body)).toEqual(Buffer.from(event!.bytes));
  expect(whole.headers).toMatchObject({
    'content-type': 'application/cloudevents+json',
    'idempotency-key': `"${whole.id}"`,
    'webhook-id': whole.id,
  });
  const data = requestOf(event!, { body: 'data', headers: { tenant: 'north' } });
  expect(Buffer.from(data.body).toString()).toBe('{"n": 12345678901234567890}');
  expect(data.headers).toMatchObject({
    'content-type': 'application/json',
    tenant: 'north',
    'webhook-id': whole.id,
    'ce-specversion': '1.0',
    'ce-id': 'event-0',
    'ce-source': '/test',
    'ce-sequence': '0000000000',
    'ce-partitionkey': 'k',
    'ce-type': 'thing.happened',
  });
  expect(data.headers).not.toHaveProperty('ce-traceparent');
});

test('a header cannot be broken by an attribute', () => {
  const [event] = logOf([{ data: {}, key: 'a "b" 100%\r\nX-Evil: ü', type: 'x.y' }]);
  const { headers } = requestOf(event!, { body: 'data', headers: {} });
  expect(headers['ce-partitionkey']).toBe('a%20%22b%22%20100%25%0D%0AX-Evil:%20%C3%BC');
});
