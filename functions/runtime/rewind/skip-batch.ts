import type { BatchWork } from '../batches/batch-work.ts';
import type { ShardInput } from '../batches/shard-input.ts';
import type { LoadedState } from '../checkpoints/shard-states.ts';
import { endOfRecord } from '../position.ts';
import type { LogRecord } from '../record-codec/record.ts';
import { noteDelivered } from './acknowledged.ts';

export interface Passed {
  readonly loaded: LoadedState;
  /** Whether the mapping has to offer the batch again. */
  readonly held: boolean;
}

/**
 * What becomes of a mapping's batch while its shard is rewound: it is noted how far it goes, and acknowledged, and the
 * step reads it from the log when it gets there. So no record grows too old for its mapping meanwhile. At the very end,
 * when the step is there, it is held for a moment, and done as usual when it comes again.
 */
export async function passOn(
  batchWork: BatchWork,
  shard: ShardInput,
  of: { readonly records: readonly LogRecord[]; readonly signal: AbortSignal },
): Promise<Passed> {
  const { records, signal } = of;
  const last = records.at(-1);
  // A child of a shard that is rewound, delivered for the first time: from now on nobody can do it as usual.
  const loaded = shard.loaded.revision === 0 ? await batchWork.move(shard, shard.loaded.state, signal) : shard.loaded;
  if (last === undefined) return { loaded, held: false };
  const isNoted = await noteDelivered(batchWork.step.checkpoints, {
    key: shard.key,
    rewind: loaded.state.rewinds ?? 0,
    end: endOfRecord(last.sequenceNumber),
    signal,
  });
  return { loaded, held: !isNoted };
}
