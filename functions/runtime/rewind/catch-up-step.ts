import type { BatchWork } from '../batches/batch-work.ts';
import { StaleCheckpoint } from '../errors.ts';
import type { OperatorAnswer, ShardAnswer } from '../operator-request.ts';
import { sequenceNumberOf } from '../position.ts';
import { deadlineOf, type Invocation } from '../step.ts';
import { type CatchUp, type CaughtUpTo, catchUpShard } from './catch-up-shard.ts';
import { loadPlan, movePlan, type StoredPlan } from './plan.ts';
import { beginPlan } from './spread-plan.ts';

/** Shards pulled at once by one invocation: each holds a page and a portion in memory. */
const SHARDS_AT_ONCE = 2;

/** Whoever asked wants to hear how far it is. */
const LONGEST_MILLIS = 10_000;
const SHARE_OF_TIME = 1 / 3;

/** Goes on with the rewind of a step, for a while. */
export async function catchUpStep(batchWork: BatchWork, invocation: Invocation): Promise<OperatorAnswer> {
  const signal = deadlineOf(invocation);
  const begun = await beginPlan(batchWork, signal);
  if (begun === 'busy') return { ...(await answerOf(batchWork, signal)), done: false };
  const answer = await catchUpShards(batchWork, invocation, signal);
  if (answer.done) await endPlan(batchWork, begun, signal);
  return answer;
}

/** Ends a plan that was begun, when all have caught up with it: for whoever pulls otherwise than by `catchUpStep`. */
export async function endPlanWhenDone(batchWork: BatchWork, begun: StoredPlan, signal: AbortSignal): Promise<void> {
  if (begun.plan?.phase === 'begun' && (await answerOf(batchWork, signal)).done)
    await endPlan(batchWork, begun, signal);
}

/** Where the step stands, and what is left to be pulled. */
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

/** Pulls every shard that is rewound, parents before children, until nothing is left or the time is over. */
export async function catchUpShards(
  batchWork: BatchWork,
  invocation: Invocation,
  signal: AbortSignal,
): Promise<OperatorAnswer> {
  const { step, input } = batchWork;
  // A replay is beside what the step does, and goes on while that rests.
  if (input.under === '' && (await step.pause.inForce(signal)) !== undefined)
    return { ...(await answerOf(batchWork, signal)), paused: true, done: false };
  const startMillis = step.now();
  const remaining = invocation.getRemainingTimeInMillis();
  const run: Run = {
    batchWork,
    owner: invocation.awsRequestId,
    untilMillis: startMillis + remaining,
    stopMillis: startMillis + Math.min(LONGEST_MILLIS, remaining * SHARE_OF_TIME),
    signal,
    failures: [],
    events: 0,
    reached: {},
  };
  const { shards } = await input.refresh(signal);
  // Ids grow, so parents come before their children.
  let todo = shards.map(({ id }) => id).sort();
  // Those whose parents are through by then have their turn again.
  for (let progress = true; progress && step.now() < run.stopMillis; ) {
    const pulled = await catchUpEach(run, todo);
    progress = [...pulled.values()].includes('over') && [...pulled.values()].includes('waiting');
    todo = todo.filter((shard) => pulled.get(shard) === 'waiting');
  }
  if (run.failures.length > 0) throw run.failures[0];
  return { ...(await answerOf(batchWork, signal)), events: run.events, reached: run.reached };
}

/**
 * The same beside a mapping's batch, when no one else does: so a rewind goes on when whoever asked for it has gone.
 * What goes wrong is no fault of the batch.
 */
export async function catchUpBesideBatch(
  batchWork: BatchWork,
  invocation: Invocation,
  signal: AbortSignal,
): Promise<void> {
  const { checkpoints, now } = batchWork.step;
  const lease = { key: 'pulling', owner: invocation.awsRequestId };
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

async function catchUpEach(run: Run, shards: readonly string[]): Promise<ReadonlyMap<string, CaughtUpTo | 'busy'>> {
  const { step } = run.batchWork;
  const waiting = [...shards];
  const found = new Map<string, CaughtUpTo | 'busy'>();
  const worker = async (): Promise<void> => {
    for (let shard = waiting.shift(); shard !== undefined; shard = waiting.shift()) {
      if (step.now() >= run.stopMillis) return;
      try {
        const pulled = await catchUpUnderLease(run, shard);
        if (pulled !== undefined) found.set(shard, pulled);
      } catch (error) {
        step.complain(shard, error);
        run.failures.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: SHARDS_AT_ONCE }, worker));
  return found;
}

interface Run extends Pick<CatchUp, 'stopMillis' | 'signal'> {
  readonly batchWork: BatchWork;
  readonly owner: string;
  readonly untilMillis: number;
  readonly failures: unknown[];
  events: number;
  readonly reached: Record<string, number>;
}

/**
 * A lease keeps pullers out of each other's way; should it fail, the checkpoint decides. Undefined: it is not being
 * rewound.
 */
async function catchUpUnderLease(run: Run, shardId: string): Promise<CaughtUpTo | 'busy' | undefined> {
  const { batchWork, owner, stopMillis, untilMillis, signal } = run;
  const { step, input } = batchWork;
  // Nothing is to be pulled of it.
  if ((await input.stateOf(shardId, signal))?.rewind === undefined) return undefined;
  const key = `pull/${input.under}${shardId}`;
  if (!(await step.checkpoints.lease({ key, owner, nowMillis: step.now(), untilMillis, signal }))) return 'busy';
  const onProgress: CatchUp['onProgress'] = ({ events, arrivalMillis }) => {
    run.events += events;
    if (arrivalMillis > 0) run.reached[shardId] = arrivalMillis;
  };
  try {
    return await catchUpShard(batchWork, { shardId, stopMillis, signal, onProgress });
  } finally {
    await step.checkpoints.release({ key, owner });
  }
}

/** All have caught up with a plan that was begun. Nothing depends on it but what an operator is told. */
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
