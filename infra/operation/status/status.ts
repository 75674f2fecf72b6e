import { GetQueueAttributesCommand, GetQueueUrlCommand } from '@aws-sdk/client-sqs';
import { loadAttempt } from '../../../functions/runtime/checkpoints/attempts.ts';
import type { Rewind } from '../../../functions/runtime/checkpoints/rewind-state.ts';
import { shardKey } from '../../../functions/runtime/checkpoints/shard-states.ts';
import { decodeState, type StepState } from '../../../functions/runtime/checkpoints/step-state.ts';
import { describeStream, type Shard, type StreamShape } from '../../../functions/runtime/log/shards.ts';
import { loadPause } from '../../../functions/runtime/pause/pause.ts';
import { MOST_DEATHS, searchAfter } from '../../../functions/runtime/poison/bisect.ts';
import { isHeld } from '../../../functions/runtime/poison/waits.ts';
import { type Position, START_OF_SHARD, sequenceNumberOf } from '../../../functions/runtime/position.ts';
import { isHeld as isPullHeld } from '../../../functions/runtime/pull/deaths.ts';
import { loadPull, PULL_KEY } from '../../../functions/runtime/pull/pull-state.ts';
import { lowestWatermark } from '../../../functions/runtime/time/clock.ts';
import { pullEveryMillis } from '../../delivery.ts';
import type { ReaderPlan, SourcePlan, StepPlan } from '../../pipelines/plan.ts';
import { deadLettersByShard } from '../dead-letters/dead-letters.ts';
import { openStates, ProgressOutOfReach, type StatesOfStep } from '../sink-progress.ts';
import { checkpointsOf, type Target } from '../target.ts';
import { type Backlog, readBacklog } from './backlog.ts';
import { HELD_NOTE, HELD_SOURCE_NOTE, noteOf, noteOfRebuild, noteOfRewinding } from './notes.ts';
import { type RebuildStatus, rebuildStatus } from './rebuild-status.ts';

/**
 * The state of a step in a shard.
 *
 * - `idle`: there is nothing to read
 * - `running`: records are waiting, for no longer than the step's delivery explains
 * - `behind`: records have waited for longer than that
 * - `paused`: an operator paused the step
 * - `rewinding`: an operator moved the step, and it has not caught up
 * - `rebuilding`: the step makes its table again, and its events wait; `rebuild` says how far
 * - `held`: the last events killed the function, so the step waits before it tries the next one
 * - `ended`: the shard was split or merged, and all of its records are done
 * - `unknown`: the note gives the reason
 */
export type StatusState =
  | 'running'
  | 'paused'
  | 'rewinding'
  | 'rebuilding'
  | 'behind'
  | 'held'
  | 'idle'
  | 'ended'
  | 'unknown';

/** A step's status in one shard; a source has no shard. Times are RFC 3339. */
export interface StepStatus {
  readonly pipeline: string;
  readonly step: string;
  readonly delivery: StepPlan['delivery'];
  readonly shard?: string;
  readonly state: StatusState;
  /** The last record that the step has read, perhaps not to its end, and when that record arrived. */
  readonly position?: { readonly sequenceNumber: string; readonly time?: string };
  /** Records after the position. For a source that reads a queue: messages in the queue. */
  readonly recordsBehind?: number;
  /** Events in those records, as the log holds them: duplicates count too. */
  readonly eventsBehind?: number;
  /** Counting stopped at its limit, so there are more records. */
  readonly andMore?: true;
  /** The age of the oldest of those records. */
  readonly lagMillis?: number;
  /**
   * Of a step that knows the time: what is complete in the shard, as far as the log says. Null: no tick has come yet.
   * For people; the step itself looks at parts of the shard.
   */
  readonly watermark?: string | null;
  /** When the position last moved. */
  readonly lastProgress?: string;
  /** Set for a table that is being made again. */
  readonly rebuild?: RebuildStatus;
  readonly deadLetters: number;
  /** Set for a step that is declared not deterministic. */
  readonly promise?: 'at least once';
  readonly note?: string;
}

/** Loads a step's positions, wherever they are stored, and measures how far the step is behind the log. */
export async function stepStatus(step: StepPlan, target: Target, signal: AbortSignal): Promise<readonly StepStatus[]> {
  return step.kind === 'source' ? [await sourceStatus(step, target, signal)] : readerStatus(step, target, signal);
}

/** Shards that are read at once. */
const AT_ONCE = 8;

async function readerStatus(step: ReaderPlan, target: Target, signal: AbortSignal): Promise<readonly StepStatus[]> {
  const stream = target.streamName(step.input.stream);
  const [shape, letters, paused] = await Promise.all([
    describeStream(target.clients.kinesis, stream, signal),
    deadLettersByShard(target, step, signal),
    isPaused(step, target, signal),
  ]);
  const context: Context = { step, target, stream, shape, paused, start: await startOf(step, target, signal) };
  const states = await openStates(step, target, signal).catch(asOutOfReach);
  const rebuild = await rebuildOf(context, signal);
  try {
    const statuses: StepStatus[] = [];
    for (let first = 0; first < shape.shards.length; first += AT_ONCE) {
      const shards = shape.shards.slice(first, first + AT_ONCE);
      const found = await Promise.all(shards.map((shard) => shardStatus(context, { shard, states }, signal)));
      for (const [index, status] of found.entries()) {
        const { id } = shards[index] as Shard;
        const key = shardKey(shape, id);
        statuses.push({
          ...common(step),
          shard: id,
          ...(rebuild === undefined ? status : duringRebuild(status, rebuild)),
          deadLetters: letters.get(key) ?? 0,
        });
        letters.delete(key);
      }
    }
    return [...statuses, ...formerShards(step, letters)];
  } finally {
    if (!(states instanceof ProgressOutOfReach)) await states[Symbol.asyncDispose]();
  }
}

/** Finds out whether a table is being made again. Whether the database answers, its states say. */
async function rebuildOf(context: Context, signal: AbortSignal): Promise<RebuildStatus | undefined> {
  const { step, target, stream, shape } = context;
  if (step.kind !== 'table') return undefined;
  const { pipeline, name, formerly, archive } = step;
  const shardOf = (key: string): string | undefined => shape.shards.find(({ id }) => shardKey(shape, id) === key)?.id;
  const rebuilt = { pipeline, name, formerly, stream, shardOf, hasArchive: archive !== undefined };
  return rebuildStatus(rebuilt, target, signal).catch(() => undefined);
}

/** A rebuild that has not moved for so long has stopped: what waits is behind. */
const STANDSTILL_MILLIS = 15 * 60_000;

/** Reports a shard of a table that is being made again: its events wait, and that is no fault. */
function duringRebuild(status: ShardStatus, rebuild: RebuildStatus): ShardStatus {
  if (status.state === 'ended' || status.state === 'unknown') return status;
  const { moved, since } = rebuild;
  const last = Math.max(0, ...[moved, since].flatMap((time) => (time === undefined ? [] : [Date.parse(time)])));
  const stands = last > 0 && Date.now() - last > STANDSTILL_MILLIS;
  const isWaiting = status.state === 'running' || status.state === 'behind';
  const notes = [...(status.note === undefined ? [] : [status.note]), noteOfRebuild(rebuild, { stands })];
  return { ...status, ...(isWaiting && !stands ? { state: 'rebuilding' } : {}), rebuild, note: notes.join('; ') };
}

/** What is the same for all shards of a step. */
interface Context {
  readonly step: ReaderPlan;
  readonly target: Target;
  readonly stream: string;
  readonly shape: StreamShape;
  readonly paused: boolean;
  /** Where a shard without a position starts. Undefined when only the mapping knows: it started at `latest`. */
  readonly start: 'earliest' | Date | undefined;
}

type ShardStatus = Omit<StepStatus, 'pipeline' | 'step' | 'delivery' | 'shard' | 'deadLetters'>;

async function shardStatus(
  context: Context,
  options: { readonly shard: Shard; readonly states: StatesOfStep | ProgressOutOfReach },
  signal: AbortSignal,
): Promise<ShardStatus> {
  const { target, stream, shape, paused, start } = context;
  const { shard, states } = options;
  const state = await stateIn(states, shardKey(shape, shard.id), signal);
  if (state instanceof ProgressOutOfReach) return { state: paused ? 'paused' : 'unknown', note: state.message };
  const progress = { ...(state === undefined ? {} : progressOf(state)), ...watermarkOf(context, shard, state) };
  if (state?.ended === true) return { state: 'ended', ...progress, recordsBehind: 0, eventsBehind: 0, lagMillis: 0 };
  const after = state?.position;
  if (state?.rewind !== undefined && !paused)
    return rewindingStatus(context, shard, { state, rewind: state.rewind, signal });
  if (after === undefined && start === undefined) {
    const note = "nothing read yet; it starts with the records that arrive after its deployment ('latest')";
    return { state: paused ? 'paused' : 'idle', note };
  }
  const { kinesis } = target.clients;
  const backlog = await readBacklog({ kinesis, stream, shard, after, start: start ?? 'earliest', signal });
  const isWaiting = backlog.records > 0 && (await isHeldAt(context, { shard, state }, signal));
  const note = isWaiting ? HELD_NOTE : noteOf(context, backlog, state?.rewind);
  return {
    state: isWaiting && !paused ? 'held' : stateOf(context, backlog),
    ...progress,
    ...backlogStatus(backlog, after),
    ...(note === undefined ? {} : { note }),
  };
}

/** Reports a shard that is being moved. Its backlog includes the records that it reads again. */
async function rewindingStatus(
  context: Context,
  shard: Shard,
  { state, rewind, signal }: { readonly state: StepState; readonly rewind: Rewind; readonly signal: AbortSignal },
): Promise<ShardStatus> {
  const after = state.position;
  const { stream } = context;
  const { kinesis } = context.target.clients;
  const backlog = await readBacklog({ kinesis, stream, shard, after, start: 'earliest', signal });
  return {
    state: 'rewinding',
    ...progressOf(state),
    ...watermarkOf(context, shard, state),
    ...backlogStatus(backlog, after),
    note: noteOfRewinding(context.step, rewind),
  };
}

function backlogStatus(
  backlog: Backlog,
  after: Position | undefined,
): Pick<StepStatus, 'position' | 'recordsBehind' | 'eventsBehind' | 'andMore' | 'lagMillis'> {
  return {
    ...(after === undefined ? {} : { position: positionOf(after, backlog) }),
    recordsBehind: backlog.records,
    eventsBehind: backlog.events,
    ...(backlog.more ? { andMore: true } : {}),
    lagMillis: lagOf(backlog),
  };
}

function lagOf({ oldestMillis }: Backlog): number {
  return oldestMillis === undefined ? 0 : Math.max(0, Date.now() - oldestMillis);
}

/** Tells whether the step waits at its position, because the events there killed its function too often. */
async function isHeldAt(
  { step, target, shape }: Context,
  { shard, state }: { readonly shard: Shard; readonly state: StepState | undefined },
  signal: AbortSignal,
): Promise<boolean> {
  const { attempt } = await loadAttempt(checkpointsOf(step, target), shardKey(shape, shard.id), signal);
  if (attempt === undefined) return false;
  const { position = START_OF_SHARD, intent } = state ?? {};
  const search = searchAfter(attempt, { position, generation: attempt.generation, process: '' });
  return isHeld(search) || (intent !== undefined && search.deaths >= MOST_DEATHS);
}

async function stateIn(
  states: StatesOfStep | ProgressOutOfReach,
  key: string,
  signal: AbortSignal,
): Promise<StepState | ProgressOutOfReach | undefined> {
  if (states instanceof ProgressOutOfReach) return states;
  const stored = await states.load(key, signal).catch(asOutOfReach);
  return stored === undefined || stored instanceof ProgressOutOfReach ? stored : decodeState(stored.state);
}

/** Returns `ProgressOutOfReach` as a value, because the rest of the step's status is known. Throws any other error. */
function asOutOfReach(error: unknown): ProgressOutOfReach {
  if (error instanceof ProgressOutOfReach) return error;
  throw error;
}

function progressOf({ movedMillis, position }: StepState): Pick<StepStatus, 'lastProgress' | 'position'> {
  return {
    ...(position === undefined ? {} : { position: { sequenceNumber: sequenceNumberOf(position) } }),
    ...(movedMillis === undefined ? {} : { lastProgress: new Date(movedMillis).toISOString() }),
  };
}

/** A shard that has not begun has the time of its parents, until they end. */
function watermarkOf(
  { step }: Context,
  { parents }: Shard,
  state: StepState | undefined,
): Pick<StepStatus, 'watermark'> {
  if (step.input.time === undefined || (state === undefined && parents.length > 0)) return {};
  const millis = state?.clock === undefined ? Number.NEGATIVE_INFINITY : lowestWatermark(state.clock);
  return { watermark: Number.isFinite(millis) ? new Date(millis).toISOString() : null };
}

function positionOf(position: Position, { positionMillis }: Backlog): NonNullable<StepStatus['position']> {
  const sequenceNumber = sequenceNumberOf(position);
  return positionMillis === undefined
    ? { sequenceNumber }
    : { sequenceNumber, time: new Date(positionMillis).toISOString() };
}

/** A continuous step receives a record within seconds, so after this wait it is behind. */
const PATIENCE_MILLIS = 60_000;

function stateOf({ step, paused }: Context, backlog: Backlog): StatusState {
  if (backlog.ended) return 'ended';
  if (paused) return 'paused';
  if (backlog.records === 0) return 'idle';
  const every = step.kind === 'sink' ? (step.every ?? 0) : 0;
  return lagOf(backlog) > 2 * every + PATIENCE_MILLIS ? 'behind' : 'running';
}

async function isPaused(step: StepPlan, target: Target, signal: AbortSignal): Promise<boolean> {
  return (await loadPause(checkpointsOf(step, target), signal)).sinceMillis !== undefined;
}

/**
 * Loads where a shard without a position starts. A scheduled step has stored that; a continuous step starts where its
 * mapping does.
 */
async function startOf(step: ReaderPlan, target: Target, signal: AbortSignal): Promise<'earliest' | Date | undefined> {
  const { start } = step.input;
  if (start !== 'latest') return start;
  const stored = step.delivery === 'scheduled' ? await checkpointsOf(step, target).load('start', signal) : undefined;
  return stored === undefined ? undefined : new Date(Number(stored.state));
}

/** Reports the dead letters of shards that have expired, or of a former stream. */
function formerShards(step: StepPlan, letters: ReadonlyMap<string, number>): readonly StepStatus[] {
  const deadLetters = [...letters.values()].reduce((sum, count) => sum + count, 0);
  return deadLetters === 0 ? [] : [{ ...common(step), shard: 'former shards', state: 'ended', deadLetters }];
}

async function sourceStatus(step: SourcePlan, target: Target, signal: AbortSignal): Promise<StepStatus> {
  if (step.delivery === 'pulled') return pulledStatus(step, target, signal);
  const [letters, paused, messages] = await Promise.all([
    deadLettersByShard(target, step, signal),
    isPaused(step, target, signal),
    step.delivery === 'queue' ? messagesOf(step, target, signal) : undefined,
  ]);
  const deadLetters = [...letters.values()].reduce((sum, count) => sum + count, 0);
  const state = paused ? 'paused' : messages === 0 ? 'idle' : 'running';
  return { ...common(step), state, ...(messages === undefined ? {} : { recordsBehind: messages }), deadLetters };
}

/**
 * A pulled source is running while a run reads it, and behind when no run has begun or moved the position for longer
 * than its schedule explains.
 */
async function pulledStatus(step: SourcePlan, target: Target, signal: AbortSignal): Promise<StepStatus> {
  const checkpoints = checkpointsOf(step, target);
  const nowMillis = Date.now();
  const [letters, paused, until, { revision, state }] = await Promise.all([
    deadLettersByShard(target, step, signal),
    isPaused(step, target, signal),
    checkpoints.leasedUntil(PULL_KEY, signal),
    loadPull(checkpoints, { nowMillis, signal }),
  ]);
  const deadLetters = [...letters.values()].reduce((sum, count) => sum + count, 0);
  const isLate = nowMillis - state.atMillis > 2 * pullEveryMillis(step) + PATIENCE_MILLIS;
  const isStill = isPullHeld(state.killed);
  const note = isStill ? HELD_SOURCE_NOTE : state.note;
  const resting = isStill ? 'held' : isLate ? 'behind' : 'idle';
  return {
    ...common(step),
    state: paused ? 'paused' : (until ?? 0) > nowMillis ? 'running' : resting,
    ...(revision === 0 ? {} : { lastProgress: new Date(state.atMillis).toISOString() }),
    ...(note === undefined ? {} : { note }),
    deadLetters,
  };
}

async function messagesOf(step: SourcePlan, { clients, names }: Target, abortSignal: AbortSignal): Promise<number> {
  const queue = new GetQueueUrlCommand({ QueueName: names.step(step.pipeline, step.name) });
  const { QueueUrl } = await clients.sqs.send(queue, { abortSignal });
  const { Attributes = {} } = await clients.sqs.send(
    new GetQueueAttributesCommand({
      QueueUrl,
      AttributeNames: [
        'ApproximateNumberOfMessages',
        'ApproximateNumberOfMessagesNotVisible',
        'ApproximateNumberOfMessagesDelayed',
      ],
    }),
    { abortSignal },
  );
  return Object.values(Attributes).reduce((sum, count) => sum + Number(count), 0);
}

function common(step: StepPlan): Pick<StepStatus, 'pipeline' | 'step' | 'delivery' | 'promise'> {
  const { pipeline, name, delivery } = step;
  const isAtLeastOnce = step.kind !== 'source' && step.atLeastOnce;
  return { pipeline, step: name, delivery, ...(isAtLeastOnce ? { promise: 'at least once' } : {}) };
}
