import { GetQueueAttributesCommand, GetQueueUrlCommand } from '@aws-sdk/client-sqs';
import { loadAttempt } from '../../../functions/runtime/checkpoints/attempts.ts';
import type { Rewind } from '../../../functions/runtime/checkpoints/rewind-state.ts';
import { shardKey } from '../../../functions/runtime/checkpoints/shard-states.ts';
import { decodeState, type StepState } from '../../../functions/runtime/checkpoints/step-state.ts';
import { describeStream, type Shard, type StreamShape } from '../../../functions/runtime/log/shards.ts';
import { loadPause } from '../../../functions/runtime/pause/pause.ts';
import { MOST_DEATHS, searchAfter } from '../../../functions/runtime/poison/bisect.ts';
import { type Position, START_OF_SHARD, sequenceNumberOf } from '../../../functions/runtime/position.ts';
import type { SinkPlan, SourcePlan, StepPlan, TransformPlan } from '../../pipelines/plan.ts';
import { deadLettersByShard } from '../dead-letters/dead-letters.ts';
import { openStates, ProgressOutOfReach, type StatesOfStep } from '../sink-progress.ts';
import { checkpointsOf, type Target } from '../target.ts';
import { type Look, lookAfter } from './backlog.ts';
import { HELD, noteOf, noteOfRewinding } from './notes.ts';

/**
 * `idle`: nothing to do. `running`: what waits has not waited for longer than the step's delivery explains. `behind`:
 * it has. `rewinding`: it was moved, and has not caught up. `ended`: the shard was split or merged, and all of it is
 * done. `held`, `unknown`: the reason is in the note.
 */
export type StandingState = 'running' | 'paused' | 'rewinding' | 'behind' | 'held' | 'idle' | 'ended' | 'unknown';

/** Where a step stands in one shard; a source stands in none. Times are RFC 3339. */
export interface Standing {
  readonly pipeline: string;
  readonly step: string;
  readonly delivery: StepPlan['delivery'];
  readonly shard?: string;
  readonly state: StandingState;
  /** The record that the step is in or just after, and when it arrived. */
  readonly position?: { readonly sequenceNumber: string; readonly time?: string };
  /** How many records come after the position; messages in the queue, for a source that has one. */
  readonly recordsBehind?: number;
  /** In those records, as the log has them: what was appended again counts twice. */
  readonly eventsBehind?: number;
  /** There are more records than were counted. */
  readonly andMore?: true;
  /** How long the oldest record that is not done has been in the log. */
  readonly lagMillis?: number;
  /** When the position was last moved. */
  readonly lastProgress?: string;
  readonly deadLetters: number;
  /** Of a step whose code says that it is not deterministic. */
  readonly promise?: 'at least once';
  readonly note?: string;
}

/** Asks a step's own positions, wherever it keeps them, and looks at what the log has after them. */
export async function standingOf(step: StepPlan, target: Target, signal: AbortSignal): Promise<readonly Standing[]> {
  return step.kind === 'source' ? [await sourceStanding(step, target, signal)] : readerStandings(step, target, signal);
}

/** Of how many shards at once. */
const AT_ONCE = 8;

async function readerStandings(
  step: TransformPlan | SinkPlan,
  target: Target,
  signal: AbortSignal,
): Promise<readonly Standing[]> {
  const stream = target.streamName(step.input.stream);
  const [shape, letters, paused] = await Promise.all([
    describeStream(target.clients.kinesis, stream, signal),
    deadLettersByShard(target, step, signal),
    isPaused(step, target, signal),
  ]);
  const facts: Facts = { step, target, stream, shape, paused, start: await startOf(step, target, signal) };
  const states = await openStates(step, target, signal).catch(outOfReach);
  try {
    const standings: Standing[] = [];
    for (let first = 0; first < shape.shards.length; first += AT_ONCE) {
      const some = shape.shards.slice(first, first + AT_ONCE);
      const found = await Promise.all(some.map((shard) => shardStanding(facts, { shard, states }, signal)));
      for (const [index, standing] of found.entries()) {
        const key = shardKey(shape, (some[index] as Shard).id);
        standings.push({
          ...common(step),
          shard: (some[index] as Shard).id,
          ...standing,
          deadLetters: letters.get(key) ?? 0,
        });
        letters.delete(key);
      }
    }
    return [...standings, ...formerShards(step, letters)];
  } finally {
    if (!(states instanceof ProgressOutOfReach)) await states[Symbol.asyncDispose]();
  }
}

interface Facts {
  readonly step: TransformPlan | SinkPlan;
  readonly target: Target;
  readonly stream: string;
  readonly shape: StreamShape;
  readonly paused: boolean;
  /** Undefined: where the mapping started is not known. */
  readonly start: 'earliest' | Date | undefined;
}

type ShardStanding = Omit<Standing, 'pipeline' | 'step' | 'delivery' | 'shard' | 'deadLetters'>;

async function shardStanding(
  facts: Facts,
  of: { readonly shard: Shard; readonly states: StatesOfStep | ProgressOutOfReach },
  signal: AbortSignal,
): Promise<ShardStanding> {
  const { target, stream, shape, paused, start } = facts;
  const { shard, states } = of;
  const state = await stateIn(states, shardKey(shape, shard.id), signal);
  if (state instanceof ProgressOutOfReach) return { state: paused ? 'paused' : 'unknown', note: state.message };
  const progress = state === undefined ? {} : progressOf(state);
  if (state?.ended === true) return { state: 'ended', ...progress, recordsBehind: 0, eventsBehind: 0, lagMillis: 0 };
  const after = state?.position;
  if (state?.rewind !== undefined && !paused)
    return rewindingStanding(facts, shard, { state, rewind: state.rewind, signal });
  if (after === undefined && start === undefined) {
    const note = "nothing read yet: it starts with what comes after its deployment ('latest')";
    return { state: paused ? 'paused' : 'idle', note };
  }
  const { kinesis } = target.clients;
  const look = await lookAfter({ kinesis, stream, shard, after, start: start ?? 'earliest', signal });
  const lagMillis = look.oldestMillis === undefined ? 0 : Math.max(0, Date.now() - look.oldestMillis);
  const isHeld = look.records > 0 && (await isHeldAt(facts, { shard, state }, signal));
  const note = isHeld ? HELD : noteOf(facts, look, state?.rewind);
  return {
    state: isHeld && !paused ? 'held' : stateOf(facts, look, lagMillis),
    ...progress,
    ...(after === undefined ? {} : { position: positionOf(after, look) }),
    recordsBehind: look.records,
    eventsBehind: look.events,
    ...(look.more ? { andMore: true } : {}),
    lagMillis,
    ...(note === undefined ? {} : { note }),
  };
}

/** Between its position, which it has in the log itself, and the end: what is to be read once more included. */
async function rewindingStanding(
  facts: Facts,
  shard: Shard,
  { state, rewind, signal }: { readonly state: StepState; readonly rewind: Rewind; readonly signal: AbortSignal },
): Promise<ShardStanding> {
  const after = state.position;
  const { stream } = facts;
  const { kinesis } = facts.target.clients;
  const look = await lookAfter({ kinesis, stream, shard, after, start: 'earliest', signal });
  return {
    state: 'rewinding',
    ...progressOf(state),
    ...(after === undefined ? {} : { position: positionOf(after, look) }),
    recordsBehind: look.records,
    eventsBehind: look.events,
    ...(look.more ? { andMore: true } : {}),
    lagMillis: look.oldestMillis === undefined ? 0 : Math.max(0, Date.now() - look.oldestMillis),
    note: noteOfRewinding(facts.step, rewind),
  };
}

async function isHeldAt(
  { step, target, shape }: Facts,
  { shard, state }: { readonly shard: Shard; readonly state: StepState | undefined },
  signal: AbortSignal,
): Promise<boolean> {
  const { attempt } = await loadAttempt(checkpointsOf(step, target), shardKey(shape, shard.id), signal);
  if (attempt === undefined) return false;
  const { position = START_OF_SHARD, intent } = state ?? {};
  const { deaths, last } = searchAfter(attempt, { position, generation: attempt.generation, process: '' });
  return last?.doing === 'holding' || (intent !== undefined && deaths >= MOST_DEATHS);
}

async function stateIn(
  states: StatesOfStep | ProgressOutOfReach,
  key: string,
  signal: AbortSignal,
): Promise<StepState | ProgressOutOfReach | undefined> {
  if (states instanceof ProgressOutOfReach) return states;
  const stored = await states.load(key, signal).catch(outOfReach);
  return stored === undefined || stored instanceof ProgressOutOfReach ? stored : decodeState(stored.state);
}

/** Is an answer too: everything else about the step can still be told. */
function outOfReach(error: unknown): ProgressOutOfReach {
  if (error instanceof ProgressOutOfReach) return error;
  throw error;
}

function progressOf({ movedMillis, position }: StepState): Pick<Standing, 'lastProgress' | 'position'> {
  return {
    ...(position === undefined ? {} : { position: { sequenceNumber: sequenceNumberOf(position) } }),
    ...(movedMillis === undefined ? {} : { lastProgress: new Date(movedMillis).toISOString() }),
  };
}

function positionOf(position: Position, { positionMillis }: Look): NonNullable<Standing['position']> {
  const sequenceNumber = sequenceNumberOf(position);
  return positionMillis === undefined
    ? { sequenceNumber }
    : { sequenceNumber, time: new Date(positionMillis).toISOString() };
}

/** A continuous step gets a record within seconds. */
const PATIENCE_MILLIS = 60_000;

function stateOf({ step, paused }: Facts, { records, ended }: Look, lagMillis: number): StandingState {
  if (ended) return 'ended';
  if (paused) return 'paused';
  if (records === 0) return 'idle';
  const every = step.kind === 'sink' ? (step.every ?? 0) : 0;
  return lagMillis > 2 * every + PATIENCE_MILLIS ? 'behind' : 'running';
}

async function isPaused(step: StepPlan, target: Target, signal: AbortSignal): Promise<boolean> {
  return (await loadPause(checkpointsOf(step, target), signal)).sinceMillis !== undefined;
}

/**
 * Where a shard starts that has no position: a scheduled step has noted it, a continuous one starts where its mapping
 * does.
 */
async function startOf(
  step: TransformPlan | SinkPlan,
  target: Target,
  signal: AbortSignal,
): Promise<'earliest' | Date | undefined> {
  const { start } = step.input;
  if (start !== 'latest') return start;
  const noted = step.delivery === 'scheduled' ? await checkpointsOf(step, target).load('start', signal) : undefined;
  return noted === undefined ? undefined : new Date(Number(noted.state));
}

/** Dead letters of shards that are trimmed away, or of a stream that was there before. */
function formerShards(step: StepPlan, letters: ReadonlyMap<string, number>): readonly Standing[] {
  const deadLetters = [...letters.values()].reduce((sum, count) => sum + count, 0);
  return deadLetters === 0 ? [] : [{ ...common(step), shard: 'former shards', state: 'ended', deadLetters }];
}

async function sourceStanding(step: SourcePlan, target: Target, signal: AbortSignal): Promise<Standing> {
  const [letters, paused, messages] = await Promise.all([
    deadLettersByShard(target, step, signal),
    isPaused(step, target, signal),
    step.delivery === 'queue' ? messagesOf(step, target, signal) : undefined,
  ]);
  const deadLetters = [...letters.values()].reduce((sum, count) => sum + count, 0);
  const state = paused ? 'paused' : messages === 0 ? 'idle' : 'running';
  return { ...common(step), state, ...(messages === undefined ? {} : { recordsBehind: messages }), deadLetters };
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

function common(step: StepPlan): Pick<Standing, 'pipeline' | 'step' | 'delivery' | 'promise'> {
  const { pipeline, name, delivery } = step;
  const isAtLeastOnce = step.kind !== 'source' && step.atLeastOnce;
  return { pipeline, step: name, delivery, ...(isAtLeastOnce ? { promise: 'at least once' } : {}) };
}
