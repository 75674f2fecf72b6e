import type { Checkpoints } from '../checkpoints/checkpoints.ts';
import { shardKey } from '../checkpoints/shard-states.ts';
import { decodeState } from '../checkpoints/step-state.ts';
import { LostRange, readShard } from '../log/log-reader.ts';
import { describeStream, type Kinesis, type Shard, type StreamShape } from '../log/shards.ts';

/** A stream that a step copies. */
export interface CopiedStream {
  readonly kinesis: Kinesis;
  /** The name or ARN of the stream. */
  readonly stream: string;
  /** Those of the step that copies. It moves them once its outputs are in the log. */
  readonly checkpoints: Pick<Checkpoints, 'load'>;
}

/** Shards that are looked at in parallel. */
const AT_ONCE = 8;

/**
 * Finds the open shards of which everything is copied that had arrived when this was called. A shard whose parents are
 * not copied to their ends is none: events of its range may be missing.
 */
export async function copiedShards(of: CopiedStream, signal: AbortSignal): Promise<readonly Shard[]> {
  const shape = await describeStream(of.kinesis, of.stream, signal);
  const ends = new Map<string, Promise<End>>();
  const endOf = (shard: Shard): Promise<End> => {
    const known = ends.get(shard.id) ?? endAfterParents(of, { shape, shard, endOf }, signal);
    ends.set(shard.id, known);
    return known;
  };
  const copied: Shard[] = [];
  const open = shape.shards.filter((shard) => shard.open);
  for (let first = 0; first < open.length; first += AT_ONCE) {
    const some = open.slice(first, first + AT_ONCE);
    const found = await Promise.all(some.map(endOf));
    copied.push(...some.filter((_, index) => found[index] === 'caught-up'));
  }
  return copied;
}

/** `caught-up`: all of an open shard is copied. `drained`: all of a closed one. `behind`: records are waiting. */
type End = 'caught-up' | 'drained' | 'behind';

interface InStream {
  readonly shape: StreamShape;
  readonly shard: Shard;
  endOf(shard: Shard): Promise<End>;
}

async function endAfterParents(of: CopiedStream, { shape, shard, endOf }: InStream, signal: AbortSignal): Promise<End> {
  const parents = shape.shards.filter(({ id }) => shard.parents.includes(id));
  for (const parent of parents) if ((await endOf(parent)) !== 'drained') return 'behind';
  return readEnd(of, { shape, shard }, signal);
}

async function readEnd(
  { kinesis, stream, checkpoints }: CopiedStream,
  { shape, shard }: Pick<InStream, 'shape' | 'shard'>,
  signal: AbortSignal,
): Promise<End> {
  const stored = await checkpoints.load(shardKey(shape, shard.id), signal);
  const state = stored && decodeState(stored.state);
  if (state?.rewind !== undefined) return 'behind';
  if (state?.ended === true) return 'drained';
  const unread = { kinesis, stream, shardId: shard.id, after: state?.position, trimmedIsNoLoss: true, signal };
  try {
    for await (const { records, end } of readShard(unread)) {
      if (records.length > 0) return 'behind';
      return end === 'shard-end' ? 'drained' : 'caught-up';
    }
  } catch (error) {
    if (!(error instanceof LostRange)) throw error;
  }
  return 'behind';
}
