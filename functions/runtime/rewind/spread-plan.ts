import type { BatchWork } from '../batches/batch-work.ts';
import type { ShardInput } from '../batches/shard-input.ts';
import { isBehind, pointOfChild, type Rewind } from '../checkpoints/rewind-state.ts';
import type { StepState } from '../checkpoints/step-state.ts';
import { StaleCheckpoint } from '../errors.ts';
import { readShard } from '../log/log-reader.ts';
import { recordAt } from '../log/record-at.ts';
import type { Shard } from '../log/shards.ts';
import type { Position } from '../position.ts';
import { loadPlan, movePlan, type RewindPlan, type StoredPlan } from './plan.ts';
import { backToStart, onFromEarliest, onFromHere, settleFirst } from './state-changes.ts';

/**
 * Brings an operator's plan to every shard that it is for, ancestors before descendants, each once: whoever comes after
 * a crash goes on where it was. No shard is read on before all of them know. False: a scheduled step has to finish a
 * slice first.
 */
export async function beginPlan(batchWork: BatchWork, signal: AbortSignal): Promise<StoredPlan | 'busy'> {
  const { checkpoints } = batchWork.step;
  const stored = await loadPlan(checkpoints, signal);
  const { plan } = stored;
  if (plan?.phase !== 'asked') return stored;
  const known = await batchWork.input.refresh(signal);
  let todo = [...known.shards].sort(byId);
  const reached = new Set<string>();
  while (todo.length > 0) {
    for (const shard of todo) {
      const isNamed = plan.shards?.includes(shard.id) ?? known.shards.includes(shard);
      if ((await rewindShard({ batchWork, plan, number: stored.number, signal }, shard, isNamed)) === 'busy')
        return 'busy';
      reached.add(shard.id);
    }
    // A shard that was split meanwhile has children, which may have been begun before their parent knew.
    todo = (await batchWork.input.refresh(signal)).shards.filter(({ id }) => !reached.has(id)).sort(byId);
  }
  try {
    return await movePlan(checkpoints, { ...stored, plan }, { phase: 'begun', signal });
  } catch (error) {
    if (!(error instanceof StaleCheckpoint)) throw error;
    // Somebody else was as far, or there is another plan.
    return beginPlan(batchWork, signal);
  }
}

interface Rewinding {
  readonly batchWork: BatchWork;
  readonly plan: RewindPlan;
  readonly number: number;
  readonly signal: AbortSignal;
}

async function rewindShard(rewinding: Rewinding, shard: Shard, isNamed: boolean): Promise<'done' | 'busy'> {
  const { batchWork, number, signal } = rewinding;
  for (;;) {
    const opened = await batchWork.input.open(shard.id, signal);
    batchWork.input.forget(opened.key);
    const { revision, state } = opened.loaded;
    const isRewound = (state.rewinds ?? 0) >= number;
    // One that inherits it, and is not stored yet, may be in the hands of somebody who has not heard of it.
    if (isRewound && revision > 0) return 'done';
    if (state.intent !== undefined) return 'busy';
    const change = isRewound ? {} : await changeOf(rewinding, opened, { shard, isNamed });
    if (change === undefined) return 'done';
    try {
      await batchWork.move(opened, { ...state, ...change, rewinds: number }, signal);
      return 'done';
    } catch (error) {
      if (!(error instanceof StaleCheckpoint)) throw error;
    }
  }
}

/** Undefined: the shard stays as it is. */
async function changeOf(
  rewinding: Rewinding,
  { loaded: { state } }: ShardInput,
  { shard, isNamed }: { readonly shard: Shard; readonly isNamed: boolean },
): Promise<Partial<StepState> | undefined> {
  const { batchWork, plan, number, signal } = rewinding;
  const isDescendant = await followsFromRewound(rewinding, shard);
  if (!isNamed && !isDescendant) return undefined;
  const to = isNamed ? plan.to : pointOfChild(plan.to);
  const { until } = state.rewind ?? {};
  const rewind: Rewind = { phase: 'passing', to, ...(until === undefined ? {} : { until }) };
  const { position } = state;
  // Of what is only passed over nothing was sent.
  const mayBeInFlight = batchWork.finishes && state.rewind?.phase !== 'passing';
  if (position === undefined) {
    // One that follows from a rewound shard holds back those that follow from it.
    if (!isDescendant && (await isEmpty(rewinding, shard))) return undefined;
    return isDescendant && mayBeInFlight ? settleFirst(rewind) : backToStart(state, rewind);
  }
  const at = { kinesis: batchWork.step.kinesis, stream: batchWork.input.stream, shardId: shard.id, signal };
  const record = await recordAt(at, position);
  if (isDescendant || isBehind(to, position, record?.approximateArrivalMillis)) {
    return mayBeInFlight ? settleFirst(rewind) : backToStart({ ...state, rewinds: number }, rewind);
  }
  if (await isAtEnd(rewinding, shard, position)) return undefined;
  return record === undefined ? onFromEarliest(state, rewind) : onFromHere(state, rewind);
}

/**
 * Whether a shard that it comes from is being rewound by the plan; those between them may be empty, and have no state.
 */
async function followsFromRewound(rewinding: Rewinding, { parents }: Shard): Promise<boolean> {
  const { batchWork, number, signal } = rewinding;
  const { shards } = await batchWork.input.shape(signal);
  for (const parent of shards.filter(({ id }) => parents.includes(id))) {
    const state = await batchWork.input.stateOf(parent.id, signal);
    if (state === undefined ? await followsFromRewound(rewinding, parent) : isRewoundBy(state, number)) return true;
  }
  return false;
}

function isRewoundBy({ rewinds = 0, rewind }: StepState, number: number): boolean {
  return rewind !== undefined && rewinds >= number;
}

/** Closed, with nothing in it. */
async function isEmpty(rewinding: Rewinding, shard: Shard): Promise<boolean> {
  return isAtEnd(rewinding, shard, undefined);
}

/** Closed, with nothing after the position. */
async function isAtEnd(
  { batchWork, signal }: Rewinding,
  { id, open }: Shard,
  after: Position | undefined,
): Promise<boolean> {
  if (open) return false;
  const { kinesis } = batchWork.step;
  const settings = { kinesis, stream: batchWork.input.stream, shardId: id, after, nothingUnreadTrimmed: true, signal };
  for await (const { records, end } of readShard(settings)) return records.length === 0 && end === 'shard-end';
  return false;
}

/** Ids grow, so parents come before their children. */
function byId(one: Shard, other: Shard): number {
  return one.id < other.id ? -1 : 1;
}
