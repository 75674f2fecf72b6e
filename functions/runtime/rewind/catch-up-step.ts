import type { BatchWork } from '../batches/batch-work.ts';
import { StaleCheckpoint } from '../errors.ts';
import type { OperatorAnswer, ShardAnswer } from '../operator-request.ts';
import { sequenceNumberOf } from '../position.ts';
import { deadlineOf, type Invocation } from '../step.ts';
import type { CatchUp } from './catch-up.ts';
import { type CatchUpResult, catchUpShard } from './catch-up-shard.ts';
import { loadPlan, movePlan, type StoredPlan } from './plan.ts';
import { beginPlan } from './spread-plan.ts';

/** How many shards one invocation catches up with at once: each keeps a page and a portion in memory. */
const SHARDS_AT_ONCE = 2;

/**
 * A call works for 10 s, or for a third of the invocation's time when that is less. Then it returns, so that the CLI
 * can print progress.
 */
const LONGEST_MILLIS = 10_000;
const SHARE_OF_TIME = 1 / 3;

/** The key of the lease of whoever catches up beside a mapping's batch. Stored: the name stays as it is. */
const BESIDE_BATCH_LEASE = 'pulling';

/** Returns the key of the lease of one shard that is caught up with. Stored: the name stays as it is. */
function shardLeaseKey(under: string, shardId: string): string {
  return `pull/${under}${shardId}`;
}

/** Continues the rewind of a step for a while, and answers how far it has come. */
export async function catchUpStep(batchWork: BatchWork, invocation: Invocation): Promise<OperatorAnswer> {
  const signal = deadlineOf(invocation);
  const begun = await beginPlan(batchWork, signal);
  if (begun === 'busy') return { ...(await answerOf(batchWork, signal)), done: false };
  const answer = await catchUpShards(batchWork, invocation, signal);
  if (answer.done) await endPlan(batchWork, begun, signal);
  return answer;
}

/** Ends a plan once all shards have caught up. For a scheduled run, which catches up without `catchUpStep`. */
export async function endPlanWhenDone(batchWork: BatchWork, begun: StoredPlan, signal: AbortSignal): Promise<void> {
  if (begun.plan?.phase === 'begun' && (await answerOf(batchWork, signal)).done)
    await endPlan(batchWork, begun, signal);
}

/** Answers where the step is in each shard, and whether any shard still has to catch up. */
export async function answerOf(batchWork: BatchWork, signal: AbortSignal): Promise<OperatorAnswer> {
  const { shards } = await batchWork.input.refresh(signal);
  const answers: ShardAnswer[] = [];
  for (const { id } of shards) {
    const state = await batchWork.input.stateOf(id, signal);
    const { position, rewind, ended = false } = state ?? {};
    answers.push({
      shard: id,
      ended,
      ...(position === undefined ? {} : { sequenceNumber: sequenceNumberOf(position) }),
      ...(rewind === undefined ? {} : { phase: rewind.phase }),
    });
  }
  const done = answers.every(({ phase }) => phase === undefined);
  return { shards: answers, done, paused: false, events: 0, reached: {} };
}

/** Catches up with every rewound shard, parents before children, until nothing is left or the time is over. */
export async function catchUpShards(
  batchWork: BatchWork,
  invocation: Invocation,
  signal: AbortSignal,
): Promise<OperatorAnswer> {
  const { step, input } = batchWork;
  // A replay runs beside the step's own work, and continues while the step is paused.
  const isReplay = input.under !== '';
  if (!isReplay && (await step.pause.inForce(signal)) !== undefined)
    return { ...(await answerOf(batchWork, signal)), paused: true, done: false };
  const startMillis = step.now();
  const remaining = invocation.getRemainingTimeInMillis();
  let events = 0;
  const reached: Record<string, number> = {};
  const turn: CatchUpTurn = {
    batchWork,
    owner: invocation.awsRequestId,
    untilMillis: startMillis + remaining,
    stopMillis: startMillis + Math.min(LONGEST_MILLIS, remaining * SHARE_OF_TIME),
    signal,
    onProgress(shardId, portion) {
      events += portion.events;
      if (portion.arrivalMillis > 0) reached[shardId] = portion.arrivalMillis;
    },
  };
  const { shards } = await input.refresh(signal);
  // Ids grow, so parents come before their children.
  let todo = shards.map(({ id }) => id).sort();
  const failures: unknown[] = [];
  // A shard that waited for its parents or descendants is taken again once some shard has caught up.
  for (let progress = true; progress && step.now() < turn.stopMillis; ) {
    const round = await catchUpEach(turn, todo);
    failures.push(...round.failures);
    const results = [...round.results.values()];
    progress = results.includes('over') && results.includes('waiting');
    todo = todo.filter((shard) => round.results.get(shard) === 'waiting');
  }
  if (failures.length > 0) throw failures[0];
  return { ...(await answerOf(batchWork, signal)), events, reached };
}

/**
 * Catches up beside a mapping's batch, unless another invocation does so already. So a rewind continues after the
 * command that asked for it is gone. Logs errors and does not throw them, because they are not the batch's fault.
 */
export async function catchUpBesideBatch(
  batchWork: BatchWork,
  invocation: Invocation,
  signal: AbortSignal,
): Promise<void> {
  const { checkpoints, now } = batchWork.step;
  const lease = { key: BESIDE_BATCH_LEASE, owner: invocation.awsRequestId };
  const nowMillis = now();
  const untilMillis = nowMillis + invocation.getRemainingTimeInMillis();
  try {
    if (!(await checkpoints.lease({ ...lease, nowMillis, untilMillis, signal }))) return;
    try {
      await catchUpStep(batchWork, invocation);
    } finally {
      await checkpoints.release(lease);
    }
  } catch (error) {
    signal.throwIfAborted();
    batchWork.step.complain('rewind', error);
  }
}

/** What one invocation gives to each of the shards that it catches up with. */
interface CatchUpTurn extends Pick<CatchUp, 'batchWork' | 'stopMillis' | 'signal'> {
  readonly owner: string;
  /** When the invocation ends, and its leases with it, in milliseconds since 1970. */
  readonly untilMillis: number;
  readonly onProgress: (shardId: string, portion: Parameters<CatchUp['onProgress']>[0]) => void;
}

/** `busy`: another invocation catches up with the shard. */
type ShardResult = CatchUpResult | 'busy';

interface CatchUpRound {
  /** By shard. Left out: shards that are not being rewound, that failed, or that the time was too short for. */
  readonly results: ReadonlyMap<string, ShardResult>;
  readonly failures: readonly unknown[];
}

async function catchUpEach(turn: CatchUpTurn, shards: readonly string[]): Promise<CatchUpRound> {
  const { step } = turn.batchWork;
  const waiting = [...shards];
  const results = new Map<string, ShardResult>();
  const failures: unknown[] = [];
  const worker = async (): Promise<void> => {
    for (let shard = waiting.shift(); shard !== undefined; shard = waiting.shift()) {
      if (step.now() >= turn.stopMillis) return;
      try {
        const result = await catchUpUnderLease(turn, shard);
        if (result !== undefined) results.set(shard, result);
      } catch (error) {
        step.complain(shard, error);
        failures.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: SHARDS_AT_ONCE }, worker));
  return { results, failures };
}

/**
 * Catches up with a shard under a lease, which keeps other invocations from reading the same records. The lease only
 * saves work: if it fails, the checkpoint decides. Resolves to undefined for a shard that is not being rewound.
 */
async function catchUpUnderLease(turn: CatchUpTurn, shardId: string): Promise<ShardResult | undefined> {
  const { batchWork, owner, stopMillis, untilMillis, signal } = turn;
  const { step, input } = batchWork;
  if ((await input.stateOf(shardId, signal))?.rewind === undefined) return undefined;
  const key = shardLeaseKey(input.under, shardId);
  if (!(await step.checkpoints.lease({ key, owner, nowMillis: step.now(), untilMillis, signal }))) return 'busy';
  const onProgress: CatchUp['onProgress'] = (portion) => turn.onProgress(shardId, portion);
  try {
    return await catchUpShard({ batchWork, shardId, stopMillis, signal, onProgress });
  } finally {
    await step.checkpoints.release({ key, owner });
  }
}

/** Marks a begun plan as done. This only informs operators: nothing depends on it. */
async function endPlan({ step }: BatchWork, begun: StoredPlan, signal: AbortSignal): Promise<void> {
  if (begun.plan?.phase !== 'begun') return;
  const stored = await loadPlan(step.checkpoints, signal);
  const { plan } = stored;
  if (plan?.phase !== 'begun' || stored.number !== begun.number) return;
  try {
    await movePlan(step.checkpoints, { ...stored, plan }, { phase: 'done', signal });
  } catch (error) {
    if (!(error instanceof StaleCheckpoint)) throw error;
  }
}
