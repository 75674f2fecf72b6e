import type { BatchWork } from '../batches/batch-work.ts';
import type { ShardInput } from '../batches/shard-input.ts';
import type { LoadedState } from '../checkpoints/shard-states.ts';
import { endOfRecord } from '../position.ts';
import type { LogRecord } from '../record-codec/record.ts';
import { noteAcknowledged } from './acknowledged.ts';

export interface Skipped {
  readonly loaded: LoadedState;
  /** False: the mapping has to deliver the batch again. */
  readonly isAcknowledged: boolean;
}

/**
 * Skips a batch that the mapping delivers while its shard is being rewound: notes the batch's end and acknowledges the
 * batch without processing it. The step reads these records from the log when it gets there. So no record grows too old
 * for the mapping in the meantime.
 *
 * Once the step has caught up, the note is closed and the batch is not acknowledged. The mapping soon delivers the
 * batch again, and it is processed as an ordinary one.
 */
export async function skipBatch(
  batchWork: BatchWork,
  shard: ShardInput,
  { records, signal }: { readonly records: readonly LogRecord[]; readonly signal: AbortSignal },
): Promise<Skipped> {
  const last = records.at(-1);
  // The child of a rewound shard, delivered for the first time: it inherits the rewind, and no state of it is stored
  // yet. Storing the state keeps any other invocation from processing this batch as an ordinary one.
  const loaded = shard.loaded.revision === 0 ? await batchWork.move(shard, shard.loaded.state, signal) : shard.loaded;
  if (last === undefined) return { loaded, isAcknowledged: true };
  const isAcknowledged = await noteAcknowledged(batchWork.step.checkpoints, {
    key: shard.key,
    rewind: loaded.state.rewinds ?? 0,
    end: endOfRecord(last.sequenceNumber),
    signal,
  });
  return { loaded, isAcknowledged };
}
