import { openBatch } from '../../../functions/runtime/batches/batch.ts';
import { noMarks } from '../../../functions/runtime/checkpoints/marks.ts';
import { shardKey } from '../../../functions/runtime/checkpoints/shard-states.ts';
import { decodeState } from '../../../functions/runtime/checkpoints/step-state.ts';
import { UserMistake } from '../../../functions/runtime/errors.ts';
import type { ReceivedEvent } from '../../../functions/runtime/event.ts';
import { readShard } from '../../../functions/runtime/log/log-reader.ts';
import { describeStream, type Shard } from '../../../functions/runtime/log/shards.ts';
import type { Position } from '../../../functions/runtime/position.ts';
import type { SinkPlan } from '../../pipelines/plan.ts';
import { openStates, ProgressOutOfReach } from '../sink-progress.ts';
import type { Target } from '../target.ts';

/** Where a sink stands, in each shard of its stream. */
export interface Standing {
  readonly shards: ReadonlyMap<string, ShardStanding>;
  /** How often it has committed. */
  readonly commits: number;
}

interface ShardStanding {
  /** Undefined: nothing is read yet. */
  readonly position: Position | undefined;
  readonly hasEnded: boolean;
  /** The number of its last rewind, and whether that is under way. */
  readonly rewinds: number;
  readonly isRewinding: boolean;
}

/** Loads where a sink stands. */
export async function loadStanding(step: SinkPlan, target: Target, signal: AbortSignal): Promise<Standing> {
  const shape = await describeStream(target.clients.kinesis, target.streamName(step.input.stream), signal);
  const shards = new Map<string, ShardStanding>();
  let commits = 0;
  try {
    await using states = await openStates(step, target, signal);
    for (const { id } of shape.shards) {
      const stored = await states.load(shardKey(shape, id), signal);
      if (stored === undefined) continue;
      commits += stored.revision;
      const { position, ended, rewinds = 0, rewind } = decodeState(stored.state);
      shards.set(id, { position, hasEnded: ended === true, rewinds, isRewinding: rewind !== undefined });
    }
  } catch (error) {
    if (!(error instanceof ProgressOutOfReach)) throw error;
    throw new UserMistake(`'${step.name}' cannot be compared: ${error.message}`);
  }
  return { shards, commits };
}

/** Tells whether a sink was moved back between two looks: rows that were read meanwhile may be as they were before. */
export function wasMoved(before: Standing, after: Standing): boolean {
  return [...after.shards].some(([id, { rewinds, isRewinding, position }]) => {
    const then = before.shards.get(id);
    const isBack = then?.position !== undefined && (position === undefined || position < then.position);
    return isBack || rewinds !== (then?.rewinds ?? 0) || (isRewinding && then?.isRewinding !== true);
  });
}

/** Shards that are read at once. */
const AT_ONCE = 4;

/** Reads the events that one of the sinks had not processed when it stood there. */
export async function readUnprocessed(
  of: { readonly target: Target; readonly step: SinkPlan; readonly standings: readonly Standing[] },
  take: (event: ReceivedEvent) => void,
  signal: AbortSignal,
): Promise<void> {
  const { target, step, standings } = of;
  const stream = target.streamName(step.input.stream);
  const { shards } = await describeStream(target.clients.kinesis, stream, signal);
  const waiting = shards.filter(({ id }) => !standings.every((standing) => standing.shards.get(id)?.hasEnded === true));
  const readNext = async (): Promise<void> => {
    for (let shard = waiting.shift(); shard !== undefined; shard = waiting.shift()) {
      const { id } = shard;
      const positions = standings.map((standing) => standing.shards.get(id)?.position);
      const isNew = positions.some((position) => position === undefined);
      const after = isNew
        ? undefined
        : (positions as readonly Position[]).reduce((one, other) => (one < other ? one : other));
      await readEvents({ target, stream, shard, after }, take, signal);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, readNext));
}

async function readEvents(
  of: {
    readonly target: Target;
    readonly stream: string;
    readonly shard: Shard;
    readonly after: Position | undefined;
  },
  take: (event: ReceivedEvent) => void,
  signal: AbortSignal,
): Promise<void> {
  const { target, stream, shard, after } = of;
  const { kinesis } = target.clients;
  let position = after;
  // The log is read as it is: what is trimmed away cannot explain a difference.
  const pages = readShard({ kinesis, stream, shardId: shard.id, after, trimmedIsNoLoss: true, signal });
  for await (const { records } of pages) {
    const state = { position, marks: noMarks(shard.from, shard.to), rejections: [] };
    const batch = openBatch(state, { stream, from: shard.from, to: shard.to, own: [] });
    for (const record of records) {
      const known = batch.events.length;
      batch.take(record);
      for (const event of batch.events.slice(known)) take(event);
    }
    position = batch.state().position;
  }
}
