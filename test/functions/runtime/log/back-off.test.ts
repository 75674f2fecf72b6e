import { KinesisServiceException, ProvisionedThroughputExceededException } from '@aws-sdk/client-kinesis';
import { expect, test } from 'vitest';
import { backOffMillis, failureKindOf, retry } from '../../../../functions/runtime/log/back-off.ts';
import { NEVER } from './log-kit.ts';

const service = (name: string, $fault: 'client' | 'server', httpStatusCode: number) =>
  new KinesisServiceException({ name, $fault, message: name, $metadata: { httpStatusCode } });
const network = (code: string) => Object.assign(new Error(code), { code });

test.each<[string, unknown, string]>([
  [
    'a shard that is written to too fast',
    new ProvisionedThroughputExceededException({ message: '', $metadata: {} }),
    'throttled',
  ],
  ['too many calls', service('LimitExceededException', 'client', 400), 'throttled'],
  ['too many calls of KMS', service('KMSThrottlingException', 'client', 400), 'throttled'],
  ['a status 429 of something in between', service('Unknown', 'client', 429), 'throttled'],
  ['an internal failure', service('InternalFailure', 'server', 500), 'passing'],
  ['a gateway without a service behind it', service('UnknownError', 'client', 503), 'passing'],
  ['a connection that broke', network('ECONNRESET'), 'passing'],
  ['a connection that is refused', network('ECONNREFUSED'), 'passing'],
  ['a name that is not known', network('ENOTFOUND'), 'passing'],
  ['a reply that is no HTTP', network('HPE_INVALID_CONSTANT'), 'passing'],
  ['a broken connection behind another error', new Error('failed', { cause: network('EPIPE') }), 'passing'],
  ['a request that took too long', Object.assign(new Error(''), { name: 'TimeoutError' }), 'passing'],
  [
    'a clock that was wrong, and is corrected now',
    Object.assign(new Error(''), {
      name: 'InvalidSignatureException',
      $fault: 'client',
      $metadata: { httpStatusCode: 400, clockSkewCorrected: true },
    }),
    'passing',
  ],
  ['a missing grant', service('AccessDeniedException', 'client', 400), 'lasting'],
  ['a missing stream', service('ResourceNotFoundException', 'client', 400), 'lasting'],
  ['a wrong argument', service('ValidationException', 'client', 400), 'lasting'],
  ['a defect of ours', new TypeError('undefined is not a function'), 'lasting'],
  ['an aborted request', Object.assign(new Error('Request aborted'), { name: 'AbortError' }), 'lasting'],
])('%s', (_, error, trouble) => {
  expect(failureKindOf(error)).toBe(trouble);
});

test('the wait doubles up to three seconds, and at most half of it is random', () => {
  const waits = (random: number) => [0, 1, 4, 5, 50].map((attempt) => backOffMillis(attempt, () => random));
  expect(waits(0)).toEqual([50, 100, 800, 1_500, 1_500]);
  expect(waits(0.999999)).toEqual([100, 200, 1_600, 3_000, 3_000]);
});

test('a call is retried until it succeeds', async () => {
  let calls = 0;
  const call = async () => {
    if (++calls < 4) throw network('ECONNRESET');
    return 'done';
  };
  const sleeps: number[] = [];
  const sleep = async (millis: number) => void sleeps.push(millis);
  expect(await retry(call, { signal: NEVER, sleep, random: () => 0 })).toBe('done');
  expect(sleeps).toEqual([50, 100, 200]);
});

test('the last error is thrown when the signal aborts during a wait', async () => {
  const time = new AbortController();
  const sleep = async () => {
    time.abort();
    throw time.signal.reason;
  };
  const call = () => Promise.reject(network('ECONNRESET'));
  await expect(retry(call, { signal: time.signal, sleep, random: Math.random })).rejects.toThrow('ECONNRESET');
});

test('no call is made when the signal has aborted already', async () => {
  let calls = 0;
  const call = async () => ++calls;
  await expect(
    retry(call, { signal: AbortSignal.abort(new Error('over')), sleep: async () => undefined, random: Math.random }),
  ).rejects.toThrow('over');
  expect(calls).toBe(0);
});
