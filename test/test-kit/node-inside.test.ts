import { randomBytes, randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { expect, test } from 'vitest';
import { virtualClock } from '../../infra/emulator/clock.ts';
import { seededRandom } from '../infra/emulator/mapping/seeded-random.ts';
import { takeOverNode } from '../kit/node-inside.ts';
import { type ClientCall, startProcess } from '../kit/simulated-process.ts';

function newProcess(seed = 1) {
  takeOverNode();
  const clock = virtualClock({ startMillis: 1_000 });
  const sent: ClientCall[] = [];
  const process = startProcess({
    step: 'step',
    clock,
    random: seededRandom(seed),
    send: async (_, call) => {
      sent.push(call);
      return { ETag: 'kit' };
    },
  });
  return { clock, process, sent };
}

const HOUR = 3_600_000;

test('sleeps and deadlines of a process run on its clock', async () => {
  const { clock, process } = newProcess();
  const work = process.invocation(async () => {
    const deadline = AbortSignal.timeout(HOUR / 2);
    await delay(HOUR, undefined, { signal: deadline }).catch(() => undefined);
    return [Date.now(), deadline.reason.name];
  });
  expect(await clock.runUntil(work)).toEqual([1_000 + HOUR / 2, 'TimeoutError']);
});

test('the same seed gives a process the same random numbers', async () => {
  const chances = (seed: number) =>
    newProcess(seed).process.invocation(async () => [Math.random(), randomUUID(), randomBytes(6).toString('hex')]);
  expect(await chances(1)).toEqual(await chances(1));
  expect(await chances(1)).not.toEqual(await chances(2));
});

test('the clock stops while a process compresses in a thread', async () => {
  const { clock, process } = newProcess();
  void clock.sleep(1);
  const work = process.invocation(async () => {
    await promisify(gzip)(Buffer.alloc(3_000_000, 'compress'));
    return clock.now();
  });
  expect(await clock.runUntil(work)).toBe(1_000);
});

test('clients that a connector creates call the services of the run', async () => {
  const { process, sent } = newProcess();
  const put = new PutObjectCommand({ Bucket: 'b', Key: 'k' });
  expect(await process.invocation(() => new S3Client({}).send(put))).toEqual({ ETag: 'kit' });
  expect(sent).toEqual([{ serviceId: 'S3', command: put, signal: undefined }]);
});

test('code outside of simulated processes is not affected', async () => {
  newProcess();
  const before = Date.now();
  expect(Math.abs(before - performance.timeOrigin - performance.now())).toBeLessThan(1_000);
  await delay(1);
  const aborted = AbortSignal.timeout(1);
  await new Promise((resolve) => aborted.addEventListener('abort', resolve));
  expect(randomUUID()).not.toBe(randomUUID());
});

test('nothing that a process has begun goes on after its death', async () => {
  const { clock, process } = newProcess();
  const done: string[] = [];
  const work = process.invocation(async () => {
    await delay(10);
    done.push('alive');
    await delay(10);
    done.push('dead');
  });
  const killed = clock.sleep(15).then(() => process.kill('killed'));
  await expect(clock.runUntil(work)).rejects.toThrow('killed');
  await killed;
  await clock.advance(HOUR);
  expect(done).toEqual(['alive']);
});

test('unfinished work of a process waits until its next invocation', async () => {
  const { clock, process } = newProcess();
  const done: number[] = [];
  await process.invocation(async () => {
    void delay(10).then(() => done.push(clock.now()));
  });
  await clock.advance(HOUR);
  expect(done).toEqual([]);
  await process.invocation(() => Promise.resolve());
  expect(done).toEqual([1_000 + HOUR]);
});
