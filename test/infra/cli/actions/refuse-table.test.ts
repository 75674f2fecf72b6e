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
  'to make it again, give the table step another name in the pipeline and deploy: the new table begins at the start of the stream';

test('millrace positions --to refuses a table, and says how to make it again', async () => {
  const invocation = {
    name: 'positions',
    positionals: ['shop', 'basket'],
    values: { to: 'earliest' },
    signal: new AbortController().signal,
  };
  const moving = moveStep(
    { step, find: undefined as never, found: { target: undefined as never } as never },
    invocation,
  );
  await expect(moving).rejects.toThrow(
    `shop/basket is a table: moved back it would count events twice, and moved forward it would miss some; ${afresh}`,
  );
});

test('millrace replay refuses a table, and says how to make it again', async () => {
  const invocation = { name: 'replay', positionals: [], values: {}, signal: new AbortController().signal };
  const range = { from: 'earliest', to: 'latest', into: 'other' };
  const replaying = replayStep(step, { target: undefined as never } as never, { range, invocation });
  await expect(replaying).rejects.toThrow(`shop/basket is a table, and only sinks are replayed; ${afresh}`);
});
