import { expect, test } from 'vitest';
import { basket, CartEvent } from '../../../../functions/tables/basket.ts';
import { moveStep } from '../../../../infra/cli/actions/move-step.ts';
import { replayStep } from '../../../../infra/cli/actions/replay-step.ts';
import { definePipeline } from '../../../../infra/pipelines/pipeline.ts';
import { planOf, type ReaderPlan } from '../../../../infra/pipelines/plan.ts';

const shop = definePipeline({
  name: 'shop',
  streams: { cart: { schema: CartEvent } },
  tables: { basket: { from: 'cart', keep: basket } },
});
const step = planOf(shop, [shop]).steps[0] as ReaderPlan;
const afresh =
  'to make it again of its whole log, move it to the beginning: millrace positions <pipeline> <table> --to earliest';

test.each([{ to: '-15m' }, { to: 'latest' }, { to: 'earliest', shard: '0' }])(
  'millrace positions refuses to move a table elsewhere than to earliest, in all shards: %o',
  async (values) => {
    const { signal } = new AbortController();
    const invocation = { name: 'positions', positionals: ['shop', 'basket'], values, signal };
    const found = { target: undefined as never } as never;
    await expect(moveStep({ step, find: undefined as never, found }, invocation)).rejects.toThrow(
      'shop/basket is a table, made of all events of its stream so far: it can be moved to earliest only, in all shards',
    );
  },
);

test('millrace replay refuses a table, and says how to make it again', async () => {
  const invocation = { name: 'replay', positionals: [], values: {}, signal: new AbortController().signal };
  const range = { from: 'earliest', to: 'latest', into: 'other' };
  const replaying = replayStep(step, { target: undefined as never } as never, { range, invocation });
  await expect(replaying).rejects.toThrow(`shop/basket is a table, and only sinks are replayed; ${afresh}`);
});
