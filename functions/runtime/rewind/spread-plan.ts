import type { BatchWork } from '../batches/batch-work.ts';
import type { ShardInput } from '../batches/shard-input.ts';
import { traitsOf } from '../batches/step-kind.ts';
import { isBehind, pointOfChild, type Rewind } from '../checkpoints/rewind-state.ts';
import type { StepState } from '../checkpoints/step-state.ts';
import { StaleCheckpoint } from '../errors.ts';
import { recordAt } from '../log/record-at.ts';
import type { Shard } from '../log/shards.ts';
import type { Position } from '../position.ts';
import { loadPlan, movePlan, type RewindPlan, type StoredPlan } from './plan.ts';
import { isAtEnd, parentsOf, type StepReader } from './shard-ends.ts';
import { backToStart, onFromEarliest, onFromHere, settleFirst } from './state-changes.ts';

/**
 * Writes an operator's plan into the state of every shard that the plan is for, ancestors before descendants, each
 * shard once. After a crash, the next call continues with the remaining shards. No shard catches up before all states
 * have the plan. Resolves to the plan, or to `busy` when a scheduled step has to finish a slice first.
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
    // A shard that was split in the meantime has children, and one of them may have begun before its parent was
    // rewound.
    todo = (await batchWork.input.refresh(signal)).shards.filter(({ id }) => !reached.has(id)).sort(byId);
  }
  try {
    return await movePlan(checkpoints, { ...stored, plan }, { phase: 'begun', signal });
  } catch (error) {
    if (!(error instanceof StaleCheckpoint)) throw error;
    // Another invocation has done the same, or there is another plan.
    return beginPlan(batchWork, signal);
  }
}

interface Spreading extends StepReader {
  readonly batchWork: BatchWork;
  readonly plan: RewindPlan;
  /** The number of the plan. */
  readonly number: number;
}

async function rewindShard(spreading: Spreading, shard: Shard, isNamed: boolean): Promise<'done' | 'busy'> {
  const { batchWork, number, signal } = spreading;
  for (;;) {
    const opened = await batchWork.input.open(shard.id, signal);
    batchWork.input.forget(opened.key);
    const { revision, state } = opened.loaded;
    const isRewound = (state.rewinds ?? 0) >= number;
    // A state that inherits the rewind and is not stored yet does not count: another invocation may be processing the
    // shard without knowing of the rewind.
    if (isRewound && revision > 0) return 'done';
    if (state.intent !== undefined) return 'busy';
    const change = isRewound ? {} : await changeOf(spreading, opened, { shard, isNamed });
    if (change === undefined) return 'done';
    try {
      await batchWork.move(opened, { ...state, ...change, rewinds: number }, signal);
      return 'done';
    } catch (error) {
      if (!(error instanceof StaleCheckpoint)) throw error;
    }
  }
}

/** Decides how a shard's state changes. Resolves to undefined for a shard that stays as it is. */
async function changeOf(
  spreading: Spreading,
  { loaded: { state } }: ShardInput,
  { shard, isNamed }: { readonly shard: Shard; readonly isNamed: boolean },
): Promise<Partial<StepState> | undefined> {
  const { batchWork, plan, number, signal } = spreading;
  const isDescendant = await descendsFromRewound(spreading, shard);
  if (!isNamed && !isDescendant) return undefined;
  const to = isNamed ? plan.to : pointOfChild(plan.to);
  const { until } = state.rewind ?? {};
  const rewind: Rewind = { phase: 'passing', to, ...(until === undefined ? {} : { until }) };
  const { position } = state;
  // While records are only passed, nothing is sent.
  const mayBeInFlight = traitsOf(batchWork).appendsBeforeCommit && state.rewind?.phase !== 'passing';
  if (position === undefined) {
    // An empty descendant of a rewound shard is rewound as well: its own descendants have to wait for it.
    if (!isDescendant && (await hasNothingMore(spreading, shard, undefined))) return undefined;
    return isDescendant && mayBeInFlight ? settleFirst(rewind) : backToStart(state, rewind);
  }
  const at = { kinesis: batchWork.step.kinesis, stream: batchWork.input.stream, shardId: shard.id, signal };
  const record = await recordAt(at, position);
  if (isDescendant || isBehind(to, position, record?.approximateArrivalMillis)) {
    return mayBeInFlight ? settleFirst(rewind) : backToStart({ ...state, rewinds: number }, rewind);
  }
  if (await hasNothingMore(spreading, shard, position)) return undefined;
  return record === undefined ? onFromEarliest(state, rewind) : onFromHere(state, rewind);
}

/** Tells whether a shard that this one descends from is being rewound by the plan. */
async function descendsFromRewound(spreading: Spreading, { id }: Shard): Promise<boolean> {
  const parents = await parentsOf(spreading, id);
  return parents.some(({ state }) => isRewoundBy(state, spreading.number));
}

function isRewoundBy({ rewinds = 0, rewind }: StepState, number: number): boolean {
  return rewind !== undefined && rewinds >= number;
}

/** Tells whether a shard is closed and has no record after the position. An open shard costs no read. */
async function hasNothingMore(
  spreading: Spreading,
  { id, open }: Shard,
  after: Position | undefined,
): Promise<boolean> {
  return !open && isAtEnd(spreading, id, after);
}

/** Ids grow, so parents come before their children. */
function byId(one: Shard, other: Shard): number {
  return one.id < other.id ? -1 : 1;
}
