import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { dynamoDbSink } from '../../functions/sinks/dynamodb/dynamodb.ts';
import { openSearchSink } from '../../functions/sinks/opensearch/opensearch.ts';
import { webhookSink } from '../../functions/sinks/webhook/webhook.ts';
import { definePipeline, hours, minutes } from '../../infra/pipelines/pipeline.ts';
import { event } from '../kit/given-events.ts';
import { startPipelineRun } from '../kit/pipeline-run.ts';

const Item = z.object({ n: z.int32() });
const BY_VERSION = ['kept', 'scheduled', 'found'] as const;

const pipeline = definePipeline({
  name: 'shop',
  streams: { raw: { schema: Item } },
  sinks: {
    kept: { from: 'raw', write: dynamoDbSink({ table: 'kept' }) },
    scheduled: { from: 'raw', write: dynamoDbSink({ table: 'scheduled' }), every: minutes(20) },
    found: { from: 'raw', write: openSearchSink({ endpoint: 'https://search.example.com', index: 'found' }) },
    hook: { from: 'raw', write: webhookSink({ url: 'https://example.com/items' }) },
  },
});

type Run = Awaited<ReturnType<typeof start>>;

async function start() {
  const lines: string[] = [];
  const onLine = (step: string, line: string) => lines.push(`${step}: ${line}`);
  const run = await startPipelineRun(pipeline, { pollMillis: 60_000, onLine });
  let n = 0;
  const item = () => run.given('raw', [event({ data: { n: ++n }, key: 'a', type: 'item.stored' })]);
  return {
    ...run,
    item,
    /** Gives so many items of one key. */
    async items(count: number): Promise<void> {
      for (let left = count; left > 0; left--) await item();
      await run.settled();
    },
    errors: () => lines.filter((line) => line.includes('"error"')),
    /** Deploys changed code, which leaps before its first item. */
    async deployed(): Promise<void> {
      for (const step of BY_VERSION) run.when.deployed(step);
      await this.items(1);
    },
    async rewound(): Promise<void> {
      for (const step of BY_VERSION) expect(await run.when.rewound(step, 'earliest')).toBe(true);
      await run.settled();
    },
    stored() {
      const { source } = run.documents('found').get('a') ?? { source: '{}' };
      const inTable = (name: string) => Number(run.items(name).find(({ id }) => id?.S === 'a')?.n?.N);
      return {
        expected: n,
        kept: inTable('kept'),
        scheduled: inTable('scheduled'),
        found: (JSON.parse(source) as z.infer<typeof Item>).n,
      };
    },
  };
}

/** What happened between the backup and its restoration. */
const BETWEEN: readonly (readonly [string, (run: Run) => Promise<void>])[] = [
  ['nothing but events', () => Promise.resolve()],
  [
    'two deployments',
    async (run) => {
      await run.deployed();
      await run.deployed();
    },
  ],
  ['a rewind', (run) => run.rewound()],
];

describe('sinks that write by version, whose checkpoints are restored to an earlier state', () => {
  test.each(BETWEEN)('store each later event, after %s since the backup', async (_, between) => {
    const run = await start();
    await run.items(2);
    const restore = run.when.checkpointsBackedUp();
    await run.items(3);
    await between(run);
    restore();
    for (const step of [...BY_VERSION, 'hook']) run.when.killed(step);
    await run.items(1);
    const { expected, ...stored } = run.stored();
    expect(stored).toEqual({ kept: expected, scheduled: expected, found: expected });
  });

  test('store each later event, also when the log has trimmed what came since the backup; a scheduled one once it is moved', async () => {
    const run = await start();
    await run.items(2);
    const restore = run.when.checkpointsBackedUp();
    await run.items(3);
    await run.rewound();
    await run.when.pass(hours(30));
    restore();
    for (const step of BY_VERSION) run.when.killed(step);
    await run.item();
    await run.when.pass(hours(1));
    expect(run.errors()).toContainEqual(
      expect.stringMatching(/^scheduled: .*move the step to a position that the log holds/),
    );
    expect(await run.when.rewound('scheduled', 'earliest')).toBe(true);
    await run.settled();
    const { expected, ...stored } = run.stored();
    expect(stored).toEqual({ kept: expected, scheduled: expected, found: expected });
  });

  test('send a webhook again what the restored checkpoints do not know, under the ids that it had', async () => {
    const run = await start();
    await run.items(2);
    const restore = run.when.checkpointsBackedUp();
    await run.items(3);
    restore();
    await run.items(1);
    const ids = run.requests('hook').map(({ id }) => id);
    const [first, second, third, fourth, fifth] = ids;
    expect(ids).toEqual([first, second, third, fourth, fifth, third, fourth, fifth, ids.at(-1)]);
    expect(new Set(ids).size).toBe(6);
  });
});
