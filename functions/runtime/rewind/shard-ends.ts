import type { BatchWork } from '../batches/batch-work.ts';
import type { StepState } from '../checkpoints/step-state.ts';
import { readShard } from '../log/log-reader.ts';
import type { Position } from '../position.ts';

/** A step that reads its input stream, for as long as the signal allows. */
export interface StepReader {
  readonly batchWork: Pick<BatchWork, 'step' | 'input'>;
  readonly signal: AbortSignal;
}

/** Reads the log to find out whether a shard is closed and has no record after the position. */
export async function isAtEnd(
  { batchWork, signal }: StepReader,
  shardId: string,
  after: Position | undefined,
): Promise<boolean> {
  const { step, input } = batchWork;
  const { kinesis } = step;
  const pages = readShard({ kinesis, stream: input.stream, shardId, after, trimmedIsNoLoss: true, signal });
  for await (const { records, end } of pages) return records.length === 0 && end === 'shard-end';
  return false;
}

export interface ParentShard {
  readonly id: string;
  readonly state: StepState;
}

/**
 * Loads the states of a shard's parents. An empty parent never had a state, so its own parents stand in for it. A
 * parent that is trimmed away is left out.
 */
export async function parentsOf(reader: StepReader, shardId: string): Promise<readonly ParentShard[]> {
  const { batchWork, signal } = reader;
  const { shards } = await batchWork.input.shape(signal);
  const named = shards.find(({ id }) => id === shardId)?.parents ?? [];
  const known = named.filter((parent) => shards.some(({ id }) => id === parent));
  const parents = await Promise.all(
    known.map(async (id) => {
      const state = await batchWork.input.stateOf(id, signal);
      return state === undefined ? parentsOf(reader, id) : [{ id, state }];
    }),
  );
  return parents.flat();
}
