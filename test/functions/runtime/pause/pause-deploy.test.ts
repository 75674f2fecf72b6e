import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { defineTransform } from '../../../../functions/runtime/transform.ts';
import { definePipeline, minutes } from '../../../../infra/pipelines/pipeline.ts';
import { seededRandom } from '../../../infra/emulator/mapping/seeded-random.ts';
import { type PipelineRun, startPipelineRun } from '../../../kit/pipeline-run.ts';

const Count = z.object({ key: z.string(), count: z.number() });

const passing = definePipeline({
  name: 'passing',
  streams: { raw: { schema: Count }, clean: { schema: Count, shards: 2 } },
  transforms: {
    cleaning: {
      from: 'raw',
      to: 'clean',
      apply: defineTransform({
        entry: import.meta.url,
        from: Count,
        to: Count,
        apply: ({ data }) => [{ type: 'count.passed', key: data.key, data }],
      }),
    },
  },
});

type Run = PipelineRun<(typeof passing)['streams']>;

const counts = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, index) => ({ key: `k${(from + index) % 3}`, count: from + index }));

/** Expects that readers of `clean` get every event once, in order for each key. */
function expectOnceInOrder(run: Run, sent: number, why: string): void {
  const passed = run.stream('clean').data() as z.output<typeof Count>[];
  for (const key of ['k0', 'k1', 'k2']) {
    const expected = counts(0, sent).filter((each) => each.key === key);
    expect(
      passed.filter((each) => each.key === key),
      why,
    ).toEqual(expected);
  }
}

function doubled(run: Run): number {
  const passed = (run.stream('clean').data() as z.output<typeof Count>[]).map(({ count }) => count);
  return passed.length - new Set(passed).size;
}

/** Sends events while calls fail, and runs `deploy` in the middle. */
async function schedule(seed: number, deploy: (run: Run) => Promise<void>): Promise<{ run: Run; sent: number }> {
  const run = await startPipelineRun(passing, { seed });
  const random = seededRandom(seed);
  const kinds = ['request lost', 'reply lost', 'throttled', 'killed before', 'killed after'] as const;
  let sent = 0;
  const deployAfter = 1 + Math.floor(random() * 4);
  for (let round = 0; round < 6; round++) {
    const more = 1 + Math.floor(random() * 20);
    await run.given('raw', counts(sent, sent + more), { key: 'key' });
    sent += more;
    for (const call of ['kinesis.PutRecords', 'dynamodb.UpdateItem shard']) {
      const kind = kinds[Math.floor(random() * kinds.length)] ?? 'throttled';
      run.when.fails(`cleaning ${call}`, kind, {
        times: 1 + Math.floor(random() * 8),
        after: Math.floor(random() * 2),
      });
    }
    await run.when.pass(Math.floor(random() * 4_000));
    if (round === deployAfter) await deploy(run);
  }
  await run.settled();
  return { run, sent };
}

const SEEDS = Array.from({ length: 60 }, (_, index) => index + 1);

describe('changed code of a transform', () => {
  test('deployed in a pause duplicates nothing and loses nothing, whatever failed before', async () => {
    let deployed = 0;
    for (const seed of SEEDS) {
      const { run, sent } = await schedule(seed, async (run) => {
        // A shard that fails for five minutes is reported as unfinished, and an operator would deploy later.
        if ((await run.when.paused('cleaning')).length === 0) {
          run.when.deployed('cleaning');
          deployed++;
        }
        await run.when.pass(minutes(1));
        await run.when.resumed('cleaning');
      });
      expectOnceInOrder(run, sent, `seed ${seed}:\n${run.story().join('\n')}`);
    }
    expect(deployed).toBeGreaterThan(SEEDS.length / 2);
  });

  test('deployed in full flight duplicates a batch now and then, which proves that the test above can fail', async () => {
    const found: number[] = [];
    for (const seed of SEEDS) {
      const { run, sent } = await schedule(seed, async (run) => run.when.deployed('cleaning'));
      found.push(doubled(run));
      expect(
        new Set(
          run
            .stream('clean')
            .data()
            .map((data) => (data as { count: number }).count),
        ).size,
      ).toBe(sent);
    }
    expect(found.filter((count) => count > 0).length).toBeGreaterThan(5);
  });

  test('finds a batch that was sent but not committed finished by the old code in the pause', async () => {
    const run = await startPipelineRun(passing);
    run.when.fails('cleaning dynamodb.UpdateItem shard', 'request lost', { times: 20 });
    await run.given('raw', counts(0, 10), { key: 'key' });
    await run.when.pass(3_000);
    expect(run.stream('clean').events()).toHaveLength(10);
    expect(run.positions('cleaning')).toMatchObject([{ sequenceNumber: undefined }]);
    expect(await run.when.paused('cleaning')).toEqual([]);
    expect(run.positions('cleaning')).toMatchObject([{ recordsBehind: 0 }]);
    run.when.deployed('cleaning');
    await run.given('raw', counts(10, 20), { key: 'key' });
    await run.when.pass(minutes(2));
    expect(run.stream('clean').events()).toHaveLength(10);
    await run.when.resumed('cleaning');
    await run.settled();
    expectOnceInOrder(run, 20, 'once');
  });
});
