import { expect, test } from 'vitest';
import { whyOf } from '../../../infra/emulator/why.ts';
import { printOnce } from '../../../infra/local/repeated-lines.ts';

test('a line that comes with every retry is printed once, and once a minute with a count', () => {
  const printed: string[] = [];
  let now = 0;
  const print = printOnce(
    (line) => printed.push(line),
    () => now,
  );
  for (now = 0; now <= 120_000; now += 1_000) print(`{"time":"${new Date(now).toISOString()}","error":"ECONNREFUSED"}`);
  print('another line');
  expect(printed).toEqual([
    '{"time":"1970-01-01T00:00:00.000Z","error":"ECONNREFUSED"}',
    '{"time":"1970-01-01T00:01:00.000Z","error":"ECONNREFUSED"} (60 times in the last minute)',
    '{"time":"1970-01-01T00:02:00.000Z","error":"ECONNREFUSED"} (60 times in the last minute)',
    'another line',
  ]);
});

test('remembers only the latest of many different lines', () => {
  const printed: string[] = [];
  const print = printOnce(
    (line) => printed.push(line),
    () => 0,
  );
  const name = (n: number) => String.fromCodePoint(0x4e00 + n);
  for (let n = 0; n <= 200; n++) print(name(n));
  print(name(200));
  print(name(0));
  expect(printed.slice(200)).toEqual([name(200), name(0)]);
});

test('a paused step, which reports its batch again and again, is no failure', () => {
  const range = { shardId: 'shardId-000000000000', from: '1', to: '2', records: 2, attempt: 1, requestId: 'id' };
  const reported = { ...range, did: 'invocation', outcome: 'reported-failures', why: 'the function reported 1 failed' };
  expect(whyOf('orders/lake', reported as never)).toBeUndefined();
  const failed = { ...range, did: 'invocation', outcome: 'failed', why: 'Error: x' };
  expect(whyOf('orders/lake', failed as never)).toBe(
    'orders/lake: 2 records of shardId-000000000000 will be retried: Error: x',
  );
});
