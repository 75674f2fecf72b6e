import { expect, test } from 'vitest';
import type { Answer } from '../../../../functions/sinks/webhook/answer.ts';
import { openGate } from '../../../../functions/sinks/webhook/gate.ts';
import { sendEvents } from '../../../../functions/sinks/webhook/send-events.ts';
import { webhookSink } from '../../../../functions/sinks/webhook/webhook.ts';
import { type Given, logOf } from '../../../contracts/slices.ts';
import { noDeadline } from '../../../eventually.ts';

type Options = Parameters<typeof webhookSink>[0];

/** Sends events to a receiver in memory, whose clock moves with the waits alone. */
function receiverWith(answer: (n: number, attempt: number) => Partial<Answer> | Error, given: Options = {}) {
  let [nowMillis, inFlight, mostInFlight] = [1_000_000, 0, 0];
  const arrived: { n: number; atMillis: number }[] = [];
  const { options } = webhookSink({ url: 'https://example.com/secret-path', ...given });
  const sleep = async (millis: number, signal: AbortSignal): Promise<void> => {
    const until = nowMillis + millis;
    // Whoever waits for less goes on first.
    for (let turn = 0; turn < 20; turn++) await Promise.resolve();
    signal.throwIfAborted();
    nowMillis = Math.max(nowMillis, until);
  };
  const now = () => nowMillis;
  const receiver = {
    url: 'https://example.com/secret-path',
    key: Buffer.from('key'),
    options: options as never,
    gate: openGate(given.perSecond, { now, sleep }),
    now,
    sleep,
    random: () => 0.5,
    async post(_url: string, { body }: { readonly body: Uint8Array }) {
      const { n } = JSON.parse(Buffer.from(body).toString()).data as { n: number };
      const attempt = arrived.filter((one) => one.n === n).length + 1;
      arrived.push({ n, atMillis: nowMillis });
      mostInFlight = Math.max(mostInFlight, ++inFlight);
      await new Promise(setImmediate);
      inFlight--;
      const given = answer(n, attempt);
      if (given instanceof Error) throw given;
      return { status: 204, retryAfter: undefined, location: undefined, start: '', ...given };
    },
  };
  const sent = new Set<string>();
  return {
    arrived,
    numbers: () => arrived.map(({ n }) => n),
    mostInFlight: () => mostInFlight,
    send: (events: readonly Given[], signal = noDeadline()) => sendEvents(receiver, logOf(events), { sent, signal }),
  };
}

const events = (count: number, keys: number): readonly Given[] =>
  Array.from({ length: count }, (_, n) => ({ data: { n }, key: `key ${n % keys}` }));

test.each([400, 404, 409, 410, 413, 415, 422, 431, 451])(
  'an event that is answered with %i is a dead letter with the status and the start of the answer, and the next follows',
  async (status) => {
    const { send, numbers } = receiverWith((n) => (n === 0 ? { status, start: 'not\r\nthis\u0000 one' } : {}));
    expect(await send(events(2, 1))).toMatchObject([
      { reason: 'refused', message: `the receiver answered ${status}: not this one`, event: { key: 'key 0' } },
    ]);
    expect(numbers()).toEqual([0, 1]);
  },
);

test.each([408, 425, 429, 500, 502, 503, 504])('an event that is answered with %i is sent again', async (status) => {
  const { send, numbers } = receiverWith((_n, attempt) => (attempt < 3 ? { status } : {}));
  expect(await send(events(2, 1))).toEqual([]);
  expect(numbers()).toEqual([0, 0, 0, 1, 1, 1]);
});

test('after five attempts the slice fails, and nothing of the answer, the path or the event is in the error', async () => {
  const { send, numbers } = receiverWith(() => ({ status: 503, start: 'the event' }));
  await expect(send(events(1, 1))).rejects.toThrow(
    /^the receiver at https:\/\/example\.com answered 503 \(attempt 5\)$/,
  );
  expect(numbers()).toHaveLength(5);
});

test.each([
  [401, 'it does not accept the URL, the headers or the signing key'],
  [403, 'it does not accept the URL, the headers or the signing key'],
  [407, 'it does not accept the URL, the headers or the signing key'],
  [301, 'redirects are not followed; use the final URL'],
  [308, 'redirects are not followed; use the final URL'],
])('the step waits while the receiver answers %i: no event is rejected', async (status, why) => {
  const { send, numbers } = receiverWith(() => ({ status, location: 'https://other.example/token' }));
  await expect(send(events(1, 1))).rejects.toThrow(why);
  expect(numbers()).toEqual([0]);
  await expect(send(events(1, 1))).rejects.not.toThrow('token');
});

test('a connection that breaks is tried again, and the error names its code', async () => {
  const broken = Object.assign(new TypeError('fetch failed'), { cause: { code: 'ECONNREFUSED' } });
  const { send, numbers } = receiverWith(() => broken);
  await expect(send(events(1, 1))).rejects.toThrow('is not reached: ECONNREFUSED (attempt 5)');
  expect(numbers()).toHaveLength(5);
});

test('an event is not sent while one of its key may still fail', async () => {
  const { send, numbers } = receiverWith((n, attempt) => (n < 2 && attempt < 3 ? { status: 500 } : {}));
  await send(events(12, 2));
  for (const key of [0, 1]) {
    const ofKey = numbers().filter((n) => n % 2 === key);
    expect(ofKey).toEqual([...ofKey].sort((a, b) => a - b));
  }
});

test('no more requests are in flight than the option says', async () => {
  const { send, mostInFlight } = receiverWith(() => ({}), { concurrency: 3 });
  await send(events(50, 50));
  expect(mostInFlight()).toBe(3);
});

test('no more requests begin in a second than the option says', async () => {
  const { send, arrived } = receiverWith(() => ({}), { perSecond: 4 });
  await send(events(20, 20));
  const gaps = arrived.slice(1).map(({ atMillis }, index) => atMillis - (arrived[index]?.atMillis ?? 0));
  expect(Math.min(...gaps)).toBeGreaterThanOrEqual(250);
});

test.each(['7', new Date(1_007_000).toUTCString()])('Retry-After: %s holds all requests back', async (retryAfter) => {
  const { send, arrived } = receiverWith(
    (n, attempt) => (n === 0 && attempt === 1 ? { status: 429, retryAfter } : {}),
    {
      concurrency: 1,
    },
  );
  await send(events(3, 3));
  expect(arrived.map(({ n }) => n)).toEqual([0, 0, 1, 2]);
  expect(arrived.slice(1).every(({ atMillis }) => atMillis >= 1_007_000)).toBe(true);
});

test('a Retry-After above a minute is left to the next delivery, and nonsense is none', async () => {
  const long = receiverWith(() => ({ status: 503, retryAfter: '3600' }));
  await expect(long.send(events(1, 1))).rejects.toThrow('answered 503 and asks to wait 3600 s');
  expect(long.numbers()).toEqual([0]);
  const nonsense = receiverWith((_n, attempt) => (attempt === 1 ? { status: 503, retryAfter: '-5 🙂' } : {}));
  expect(await nonsense.send(events(1, 1))).toEqual([]);
});

test('what was sent before a slice failed is not sent again by this process', async () => {
  let isUp = false;
  const { send, numbers } = receiverWith((n) => (n === 3 && !isUp ? { status: 401 } : {}), { concurrency: 1 });
  await expect(send(events(6, 1))).rejects.toThrow('answered 401');
  isUp = true;
  expect(await send(events(6, 1))).toEqual([]);
  expect(numbers()).toEqual([0, 1, 2, 3, 3, 4, 5]);
});

test('rejections are in the order of the log, whatever order the answers come in', async () => {
  const { send } = receiverWith((n, attempt) => (n === 0 && attempt < 4 ? { status: 500 } : { status: 400 }));
  const positions = (await send(events(10, 10))).map(({ at }) => at);
  expect(positions).toEqual([...positions].sort());
});

test('when the signal aborts, nothing more is sent', async () => {
  const ending = new AbortController();
  const { send, numbers } = receiverWith(
    (n) => {
      if (n === 2) ending.abort(new Error('the invocation ends'));
      return {};
    },
    { concurrency: 1 },
  );
  await expect(send(events(10, 1), ending.signal)).rejects.toThrow('the invocation ends');
  expect(numbers()).toEqual([0, 1, 2]);
});
