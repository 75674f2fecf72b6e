import { openInput } from '../batches/shard-input.ts';
import type { SinkStep } from '../batches/sink-step.ts';
import { writeCorrection } from '../batches/write-batch.ts';
import { shardKey } from '../checkpoints/shard-states.ts';
import { StaleCheckpoint } from '../errors.ts';
import type { Corrections } from '../sink.ts';
import type { FillTurn } from './fill-shard.ts';

/** The key of the lease of whoever publishes corrections. It only saves work: the transactions decide. */
const LEASE = 'corrections';

/**
 * Publishes how the new data of a step differ from those that its readers know, part by part. A shard that is opened
 * has its last page in the log: so version 1's last changes come first, then the corrections, then everything else.
 * Resolves to false when the time is over, or another invocation is at it.
 */
export async function publishCorrections(
  sink: SinkStep,
  corrections: Corrections,
  turn: Pick<FillTurn, 'owner' | 'untilMillis' | 'stopMillis' | 'signal'>,
): Promise<boolean> {
  const { step } = sink;
  const { owner, untilMillis, signal } = turn;
  if (!(await step.checkpoints.lease({ key: LEASE, owner, nowMillis: step.now(), untilMillis, signal }))) return false;
  try {
    return await publishAll(sink, corrections, turn);
  } catch (error) {
    if (error instanceof StaleCheckpoint) return false;
    throw error;
  } finally {
    await step.checkpoints.release({ key: LEASE, owner });
  }
}

async function publishAll(
  sink: SinkStep,
  { shards, next, end }: Corrections,
  { stopMillis, signal }: Pick<FillTurn, 'stopMillis' | 'signal'>,
): Promise<boolean> {
  const { step, states, outbox } = sink;
  const input = openInput(step, states, { keepsStates: false, outbox, notesBeginning: true });
  const openShard = (key: string) => input.open(key.slice(key.lastIndexOf('/') + 1), signal);
  for (let part = await next(signal); part !== undefined; part = await next(signal)) {
    await writeCorrection(sink, await openShard(part.shard), { write: part.write, signal });
    if (step.now() >= stopMillis || (await step.pause.inForce(signal)) !== undefined) return false;
  }
  // A process may have ended between the commit of a page and its append, and a quiet shard has no batch to append it.
  const shape = await input.refresh(signal);
  for (const { id } of shape.shards) if (shards.includes(shardKey(shape, id))) await openShard(id);
  await end(signal);
  return true;
}
