import { openInput } from '../batches/shard-input.ts';
import type { SinkStep } from '../batches/sink-step.ts';
import { fillBatch } from '../batches/write-batch.ts';
import { shardKey } from '../checkpoints/shard-states.ts';
import { decodeState } from '../checkpoints/step-state.ts';
import { UserMistake } from '../errors.ts';
import type { StreamShape } from '../log/shards.ts';
import type { Corrections, LeftLetters, Rebuild, ShardFilled } from '../sink.ts';
import type { Invocation } from '../step.ts';
import { type FillTurn, fillShard } from './fill-shard.ts';
import { openPast } from './past.ts';
import { publishCorrections } from './publish-corrections.ts';
import { begunOf, type Target, targetsOf } from './targets.ts';

/** An invocation works on a rebuild for so long, or for so much of its time when that is less. */
const LONGEST_MILLIS = 60_000;
const SHARE_OF_TIME = 1 / 2;

/**
 * Makes the data of a step again, where its code keeps something else of its input than the code before: beside the
 * data that are there, from the beginning of the log or its archive up to exactly the positions that are committed.
 * Then the new data take the place of the others, in one transaction, and the step goes on at those positions.
 *
 * Meanwhile the step processes no batch: its mapping offers them again and again, as in a pause, and each offer goes on
 * with this work. Nothing of what is there changes before the end, so code that is deployed in the middle finds all of
 * it: the earlier code goes on with its data, and other code begins with its own.
 *
 * Resolves to true once nothing is left to do.
 */
export function openRebuilder(
  sink: SinkStep,
): ((invocation: Invocation, signal: AbortSignal) => Promise<boolean>) | undefined {
  const { step, rebuild } = sink;
  const { input } = step.config;
  if (rebuild === undefined || input === undefined) return undefined;
  const { kinesis, s3 } = step;
  const past = openPast({ kinesis, s3, stream: input.stream, archived: input.archive });
  return async (invocation, signal) => {
    const remaining = invocation.getRemainingTimeInMillis();
    const now = step.now();
    const turn = {
      owner: invocation.awsRequestId,
      untilMillis: now + remaining,
      stopMillis: now + Math.min(LONGEST_MILLIS, remaining * SHARE_OF_TIME),
      signal,
    };
    for (let left = await rebuild(signal); left !== undefined; left = await rebuild(signal)) {
      if (!(await workOn(sink, left, { ...turn, past })) || step.now() >= turn.stopMillis) return false;
    }
    return true;
  };
}

type Turn = Pick<FillTurn, 'past' | 'owner' | 'untilMillis' | 'stopMillis' | 'signal'>;

/** Does what is left, or a part of it. Resolves to false when the rest is for another invocation. */
async function workOn(sink: SinkStep, left: Rebuild | Corrections | LeftLetters, turn: Turn): Promise<boolean> {
  const { signal } = turn;
  if (left.kind === 'letters') {
    await sink.step.deadLetters.put(left.shard, left.rejections, signal);
    await left.stored(signal);
    return true;
  }
  if (left.kind === 'corrections') return publishCorrections(sink, left, turn);
  const filled = await fill(sink, left, turn).catch(async (error: unknown) => {
    // The table goes on as it is.
    if (error instanceof UserMistake) await left.takeBack?.(signal);
    throw error;
  });
  if (filled === undefined) return false;
  await left.swap(filled, signal);
  return true;
}

/**
 * Fills the new data up to where each shard is committed. Resolves to these positions; undefined: some is not there.
 */
async function fill(
  sink: SinkStep,
  { under, committed }: Rebuild,
  turn: Turn,
): Promise<ReadonlyMap<string, ShardFilled> | undefined> {
  const { step } = sink;
  const input = openInput(step, sink.states, {
    keepsStates: false,
    replay: { under },
    forgotten: (shape, signal) => turn.past.forgotten(begunOf(committed), shape, signal),
    portion: sink.portion?.bounds,
  });
  const shape = await input.refresh(turn.signal);
  const targets = await targetsOf(step, committed, shape);
  const unfilled: Target[] = [];
  for (const target of targets) {
    // A shard begins with the marks of those that it follows.
    const isBlocked = unfilled.some(({ shard: { from, to } }) => from <= target.shard.to && to >= target.shard.from);
    const filling: FillTurn = {
      ...turn,
      step,
      input,
      target,
      process: (batch, shard) =>
        fillBatch(sink, { batch, shard, to: batch.state(), options: step.config.options }, turn.signal),
    };
    if (isBlocked || !(await fillShard(filling))) unfilled.push(target);
  }
  return unfilled.length === 0 ? filledShards(committed, shape) : undefined;
}

/** Lists the shards of the stream as they are at the swap, also those of which nothing is committed. */
function filledShards(committed: Rebuild['committed'], shape: StreamShape): ReadonlyMap<string, ShardFilled> {
  return new Map(
    shape.shards.map(({ id, from, to, isForgotten }) => {
      const key = shardKey(shape, id);
      const stored = committed.get(key);
      const state = stored && decodeState(stored.state);
      return [key, { upTo: state?.position, from, to, isOpen: state?.ended !== true && isForgotten !== true }];
    }),
  );
}
