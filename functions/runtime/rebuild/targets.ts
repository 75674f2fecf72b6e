import { shardKey } from '../checkpoints/shard-states.ts';
import { decodeState, type StepState } from '../checkpoints/step-state.ts';
import { UserMistake } from '../errors.ts';
import type { Shard, StreamShape } from '../log/shards.ts';
import { type Position, sequenceNumberOf } from '../position.ts';
import type { Rebuild } from '../sink.ts';
import type { Step } from '../step.ts';

/** A shard that is read again. */
export interface Target {
  /** The name of the shard in the progress that is committed. */
  readonly key: string;
  readonly shard: Shard;
  /** The first record that counts. Undefined: the earliest that the log has. */
  readonly from: Beginning | undefined;
  /** The position to which the shard is read: what is committed. */
  readonly upTo: Position;
}

/** Where a shard was begun: at a record, which the log has to have still, or with the first one at a time or later. */
export type Beginning = { readonly sequenceNumber: string } | { readonly millis: number };

/**
 * Lists the shards of which something is committed, parents before their children. Throws a `UserMistake` where the log
 * cannot have everything that these shards have had.
 */
export async function targetsOf(
  step: Pick<Step, 'name' | 'config' | 'now'>,
  committed: Rebuild['committed'],
  shape: StreamShape,
): Promise<readonly Target[]> {
  const shards = new Map(shape.shards.map((shard) => [shardKey(shape, shard.id), shard]));
  return [...committed]
    .map(([key, { state }]) => ({ key, state: decodeState(state) }))
    .flatMap(({ key, state }): Target[] => {
      const { position: upTo } = state;
      if (upTo === undefined) return [];
      const shard = shards.get(key);
      if (shard === undefined) throw outOfReach(step, shape, `of its shard ${key} nothing is left`);
      return [{ key, shard, from: beginningOf(step, shape, state), upTo }];
    })
    .sort((one, other) => (one.shard.id < other.shard.id ? -1 : 1));
}

/** Lists the keys of the shards of which something was read. */
export function begunOf(committed: Rebuild['committed']): readonly string[] {
  return [...committed].flatMap(([key, { state }]) => (decodeState(state).position === undefined ? [] : [key]));
}

/**
 * Returns where a step began to read a shard. States of earlier versions do not say it: then it is the step's start, as
 * long as the log still has all that the stream ever had, or all since that time.
 */
function beginningOf(
  step: Pick<Step, 'name' | 'config' | 'now'>,
  shape: StreamShape,
  { began }: StepState,
): Beginning | undefined {
  if (began !== undefined) return { sequenceNumber: sequenceNumberOf(began) };
  const { start = 'earliest' } = step.config.input ?? {};
  if (start === 'latest')
    throw outOfReach(step, shape, 'it began with the latest event, and an earlier version did not note which one');
  const millis = start === 'earliest' ? shape.createdMillis : Date.parse(start);
  if (reachOf(step, shape) > Math.max(millis, shape.createdMillis))
    throw outOfReach(step, shape, `it began at ${start}, and an earlier version did not note with which event`);
  return start === 'earliest' ? undefined : { millis };
}

/** Returns the time from which on the log has everything. */
function reachOf({ now }: Pick<Step, 'now'>, { createdMillis, retentionMillis }: StreamShape): number {
  return Math.max(createdMillis, now() - retentionMillis);
}

/** Says that the log does not have everything that a step's data are made of, and what to do. */
export function outOfReach(step: Pick<Step, 'name' | 'config' | 'now'>, shape: StreamShape, why: string): UserMistake {
  const since = new Date(reachOf(step, shape)).toISOString();
  const { archive } = step.config.input ?? {};
  const later =
    archive === undefined
      ? "A longer retention of the stream, or an archive of it (an s3Sink with lines: 'record'), lets later changes be made"
      : `Its archive, ${archive.prefix}/ in ${archive.bucket}, does not have what the log lacks`;
  return new UserMistake(
    `table ${step.name} cannot be made again: the log of stream ${shape.name} reaches back to ${since} only, and ${why}. ` +
      `Undo a change of its code, or give the table step another name without formerly: its new table has the events that the log still has. ${later}`,
  );
}
