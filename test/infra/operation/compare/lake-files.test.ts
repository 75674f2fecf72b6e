import { describe, expect, test } from 'vitest';
import { positionOf, START_OF_SHARD } from '../../../../functions/runtime/position.ts';
import type { LakeStore } from '../../../../functions/sinks/s3/compaction/store.ts';
import { listLake, placeIn } from '../../../../infra/operation/compare/lake-files.ts';
import type { Target } from '../../../../infra/operation/target.ts';
import { pipelines } from '../../../../infra/pipelines/all.ts';
import { planOf, type SinkPlan } from '../../../../infra/pipelines/plan.ts';

const step = pipelines
  .flatMap((pipeline) => planOf(pipeline, pipelines).steps)
  .find((one): one is SinkPlan => one.kind === 'sink' && one.connector === 's3')!;
const { signal } = new AbortController();

/** A lake with these files; the texts are those of manifests. */
function storeOf(files: Readonly<Record<string, string>>): LakeStore {
  const none = async (): Promise<void> => {};
  return {
    async *list(prefix) {
      for (const key of Object.keys(files).sort())
        if (key.startsWith(prefix)) yield { key, bytes: 10, modifiedMillis: 0 };
    },
    get: async (key) => (key in files ? Buffer.from(files[key] ?? '') : undefined),
    put: none,
    delete: none,
  };
}

/** A target where the sink remembers that this merge is under way. */
function targetOf(plan: object | undefined): Target {
  const state = JSON.stringify({ plans: 1, lastMillis: 0, ...(plan === undefined ? {} : { plan }) });
  const Item = { revision: { N: '1' }, state: { S: state } };
  return { names: { checkpoints: 'c' }, clients: { dynamodb: { send: async () => ({ Item }) } } } as unknown as Target;
}

const folder = 'year=2026/month=01';
const slice = (from: string, to: string, number = 0) =>
  `slice-abc-shardId-000000000000.${from}.${to}.${String(number).padStart(8, '0')}.ndjson.gz`;
const [first, second] = [positionOf('1', 0), positionOf('2', 0)];
const [one, two] = [slice(START_OF_SHARD, first), slice(first, second)];
const merged = 'merged-000000000001-abcd.ndjson.gz';
const manifest = JSON.stringify({ replaced: [`p/${folder}/${one}`, `p/${folder}/${two}`] });

async function listed(names: readonly string[], more: { plan?: object; manifest?: string } = {}) {
  const files = Object.fromEntries(names.map((name) => [`p/${folder}/${name}`, '']));
  const all = more.manifest === undefined ? files : { ...files, [`compacted/p/${merged}.json`]: more.manifest };
  const lake = { step, options: { prefix: 'p' }, store: storeOf(all), target: targetOf(more.plan), signal };
  return listLake(lake);
}

const namesOf = (files: Awaited<ReturnType<typeof listed>>) =>
  files.map(({ key }) => key.slice(key.lastIndexOf('/') + 1));

describe('while files are merged, each event counts once', () => {
  const plan = { folder, inputs: [one, two], output: merged };

  test('the inputs count before the manifest says what the output replaces', async () => {
    expect(namesOf(await listed([one, two], { plan }))).toEqual([one, two]);
    expect(namesOf(await listed([one, two, merged], { plan }))).toEqual([one, two]);
  });

  test('the output counts once it has a manifest, also when a late process has put an input back', async () => {
    expect(namesOf(await listed([one, two, merged], { plan, manifest }))).toEqual([merged]);
    expect(namesOf(await listed([two, merged], { manifest }))).toEqual([merged]);
    expect(namesOf(await listed([merged]))).toEqual([merged]);
  });

  test('the inputs count when the output came after the listing', async () => {
    expect(namesOf(await listed([one, two], { manifest }))).toEqual([one, two]);
  });
});

test('names of files say the order of their rows; a merged file does not, and a file of somebody else does not count', async () => {
  const [late, early, whole] = [two, one, merged];
  const files = await listed([late, early, whole, 'notes.txt', slice(first, second, 1)]);
  expect(files.map(({ order }) => [order.from, order.to])).toEqual([
    ['', '~'],
    [START_OF_SHARD, first],
    [first, second],
    [first, second],
  ]);
  const [, , second0, second1] = files;
  expect(second0!.order.group).toBe(second1!.order.group);
  expect(placeIn(second0!, 99).at < placeIn(second1!, 0).at).toBe(true);
  expect(placeIn(second0!, 9).at < placeIn(second0!, 10).at).toBe(true);
});
