import fc from 'fast-check';
import { expect, test } from 'vitest';
import { freshLog, shardId, upperHalf } from './fresh-log.ts';

type Step =
  | { kind: 'put'; hashKey: string; text: string }
  | { kind: 'wait'; millis: number }
  | { kind: 'split' }
  | { kind: 'read' };

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant('put' as const), hashKey: fc.constantFrom('0', upperHalf), text: fc.string() }),
    fc.record({ kind: fc.constant('wait' as const), millis: fc.nat(2_000) }),
    fc.record({ kind: fc.constant('split' as const) }),
    fc.record({ kind: fc.constant('read' as const) }),
  ),
);

/** Every answer of a run, errors included, as bytes. */
async function trace(seed: number, run: Step[]): Promise<string> {
  const { clock, log, stream } = freshLog({ seed, limits: 'enforced' });
  await stream('readings', 2);
  const answers: unknown[] = [];
  const answer = (call: () => unknown) => {
    try {
      answers.push(call());
    } catch (error) {
      answers.push(String(error));
    }
  };
  const StreamName = 'readings';
  for (const step of run) {
    if (step.kind === 'wait') await clock.advance(step.millis);
    else if (step.kind === 'put') {
      const record = { PartitionKey: 'k', ExplicitHashKey: step.hashKey, Data: Buffer.from(step.text) };
      answer(() => log.putRecord({ StreamName, ...record }));
    } else if (step.kind === 'split') {
      answer(() => log.splitShard({ StreamName, ShardToSplit: shardId(0), NewStartingHashKey: '1000' }));
    } else {
      answer(() => {
        const { ShardIterator } = log.getShardIterator({
          StreamName,
          ShardId: shardId(0),
          ShardIteratorType: 'TRIM_HORIZON',
        });
        return [ShardIterator, log.getRecords({ ShardIterator })];
      });
    }
  }
  answer(() => log.describeStream({ StreamName }));
  return JSON.stringify(answers);
}

test('the same seed, calls and times give the same bytes', async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(), steps, async (seed, run) => {
      expect(await trace(seed, run)).toBe(await trace(seed, run));
    }),
  );
});

test('another seed gives other sequence numbers', async () => {
  const run: Step[] = Array.from({ length: 20 }, () => ({ kind: 'put', hashKey: '0', text: 'x' }));
  expect(await trace(1, run)).not.toBe(await trace(2, run));
});

test('records put into one shard do not change the sequence numbers of another', async () => {
  const numbersOf = async (hashKeys: string[]) => {
    const { stream, put } = freshLog();
    await stream('readings', 2);
    const lower: string[] = [];
    for (const hashKey of hashKeys) {
      const { ShardId, SequenceNumber } = await put('readings', 'x', hashKey);
      if (ShardId === shardId(0)) lower.push(SequenceNumber);
    }
    return lower;
  };
  expect(await numbersOf(['0', '0', '0'])).toEqual(await numbersOf([upperHalf, '0', upperHalf, upperHalf, '0', '0']));
});

test('changes happen when they are due, whenever somebody looks', async () => {
  const shardsAfter = async (lookEveryMillis: number) => {
    const { clock, log, stream } = freshLog();
    await stream('readings', 2);
    log.splitShard({ StreamName: 'readings', ShardToSplit: shardId(0), NewStartingHashKey: '1000' });
    for (let waited = 0; waited < 5_000; waited += lookEveryMillis) {
      await clock.advance(lookEveryMillis);
      log.describeStreamSummary({ StreamName: 'readings' });
    }
    return log.listShards({ StreamName: 'readings' });
  };
  expect(await shardsAfter(10)).toEqual(await shardsAfter(5_000));
});
