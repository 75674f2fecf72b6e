import { expect, test } from 'vitest';
import type { BatchWork } from '../../../../functions/runtime/batches/batch-work.ts';
import type { ShardInput } from '../../../../functions/runtime/batches/shard-input.ts';
import { noMarks } from '../../../../functions/runtime/checkpoints/marks.ts';
import type { RewindPoint } from '../../../../functions/runtime/checkpoints/rewind-state.ts';
import type { StepState } from '../../../../functions/runtime/checkpoints/step-state.ts';
import { catchUpShard } from '../../../../functions/runtime/rewind/catch-up-shard.ts';

const LAST = 2n ** 128n - 1n;
const SHARD = { id: 'shardId-000000000000', from: 0n, to: LAST, parents: [], open: true };

test('a shard that is rewound anew, while an earlier rewind waits for its parents, goes to the newer target', async () => {
  const earlier: RewindPoint = { millis: 1_000 };
  const newer: RewindPoint = { millis: 2_000 };
  const loads = [rewoundTo(earlier, 1), rewoundTo(newer, 2)];
  const committed: StepState[] = [];
  const stop = new Error('the log is not read in this test');
  const batchWork = {
    kind: 'continuous sink',
    step: { now: () => 0, kinesis: { send: () => Promise.reject(stop) } },
    input: {
      stream: 'in',
      open: () => Promise.resolve(loads.length > 1 ? loads.shift() : loads[0]),
      forget: () => undefined,
      shape: () => Promise.resolve({ shards: [SHARD] }),
      stateOf: () => Promise.resolve(undefined),
    },
    move(shard: ShardInput, to: StepState) {
      committed.push(to);
      return Promise.resolve({ revision: shard.loaded.revision + 1, state: to });
    },
  } as unknown as BatchWork;

  const catchingUp = catchUpShard({
    batchWork,
    shardId: SHARD.id,
    stopMillis: 1,
    signal: new AbortController().signal,
    onProgress: () => undefined,
  });

  await expect(catchingUp).rejects.toBe(stop);
  expect(committed.map(({ rewind, rewinds }) => ({ to: rewind?.to, rewinds }))).toEqual([{ to: newer, rewinds: 2 }]);
});

/** A shard whose rewind has not begun to read. */
function rewoundTo(to: RewindPoint, rewinds: number): ShardInput {
  const facts = { stream: 'in', from: 0n, to: LAST, own: [] };
  const state: StepState = {
    position: undefined,
    marks: noMarks(0n, LAST),
    rejections: [],
    rewinds,
    rewind: { phase: 'passing', to, fresh: true },
  };
  return { key: 'hash/shard', parents: [], parentsOf: () => [], facts, loaded: { revision: rewinds, state } };
}
