import type { Puller } from '../batches/batch-work.ts';
import { StaleCheckpoint } from '../errors.ts';
import type { PullAnswer, ShardAnswer } from '../operator-request.ts';
import { sequenceNumberOf } from '../position.ts';
import { deadlineOf, type Invocation } from '../step.ts';
import { type Pull, type Pulled, pullShard } from './catch-up-shard.ts';
import { loadPlan, movePlan, type StoredPlan } from './plan.ts';
import { beginPlan } from './spread-plan.ts';

/** Shards pulled at once by one invocation: each holds a page and a portion in memory. */
const SHARDS_AT_ONCE = 2;

/** Whoever asked wants to hear how far it is. */
const LONGEST_MILLIS = 10_000;
const SHARE_OF_TIME = 1 / 3;

/** Goes on with the rewind of a step, for a while. */
export async function pullOn(puller: Puller, invocation: Invocation): Promise<PullAnswer> {
  const signal = deadlineOf(invocation);
  const begun = await beginPlan(puller, signal);
  if (begun === 'busy') return { ...(await answerOf(puller, signal)), done: false };
  const answer = await pullShards(puller, invocation, signal);
  if (answer.done) await endPlan(puller, begun, signal);
  return answer;
}

/** Ends a plan that was begun, when all have caught up with it: for whoever pulls otherwise than by `pullOn`. */
export async function endPlanWhenDone(puller: Puller, begun: StoredPlan, signal: AbortSignal): Promise<void> {
  if (begun.plan?.phase === 'begun' && (await answerOf(puller, signal)).done) await endPlan(puller, begun, signal);
}

/** Where the step stands, and what is left to be pulled. */
export async function answerOf(puller: Puller, signal: AbortSignal): Promise<PullAnswer> {
  const { shards } = await puller.input.refresh(signal);
  const answers: ShardAnswer[] = [];
  for (const { id } of shards) {
    const state = await puller.input.stateOf(id, signal);
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
export async function pullShards(puller: Puller, invocation: Invocation, signal: AbortSignal): Promise<PullAnswer> {
  const { step, input } = puller;
  // A replay is beside what the step does, and goes on while that rests.
  if (input.under === '' && (await step.pause.inForce(signal)) !== undefined)
    return { ...(await answerOf(puller, signal)), paused: true, done: false };
  const startMillis = step.now();
  const remaining = invocation.getRemainingTimeInMillis();
  const run: Run = {
    puller,
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
    const pulled = await pullEach(run, todo);
    progress = [...pulled.values()].includes('over') && [...pulled.values()].includes('waiting');
    todo = todo.filter((shard) => pulled.get(shard) === 'waiting');
  }
  if (run.failures.length > 0) throw run.failures[0];
  return { ...(await answerOf(puller, signal)), events: run.events, reached: run.reached };
}

/**
 * The same beside a mapping's batch, when no one else does: so a rewind goes on when whoever asked for it has gone. What goes wrong is
 * no fault of the batch.
 */
export async function pullBeside(puller: Puller, invocation: Invocation, signal: AbortSignal): Promise<void> {
  const { checkpoints, now } = puller.step;
  const lease = { key: 'pulling', owner: invocation.awsRequestId };
  const nowMillis = now();
  const untilMillis = nowMillis + invocation.getRemainingTimeInMillis();
  try {
    if (!(await checkpoints.lease({ ...lease, nowMillis, untilMillis, signal }))) return;
    try {
      await pullOn(puller, invocation);
    } finally {
      await checkpoints.release(lease);
    }
  } catch (error) {
    signal.throwIfAborted();
    puller.step.complain('rewind', error);
  }
}

async function pullEach(run: Run, shards: readonly string[]): Promise<ReadonlyMap<string, Pulled | 'busy'>> {
  const { step } = run.puller;
  const waiting = [...shards];
  const found = new Map<string, Pulled | 'busy'>();
  const worker = async (): Promise<void> => {
    for (let shard = waiting.shift(); shard !== undefined; shard = waiting.shift()) {
      if (step.now() >= run.stopMillis) return;
      try {
        const pulled = await pullUnderLease(run, shard);
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

interface Run extends Pick<Pull, 'stopMillis' | 'signal'> {
  readonly puller: Puller;
  readonly owner: string;
  readonly untilMillis: number;
  readonly failures: unknown[];
  events: number;
  readonly reached: Record<string, number>;
}

/** A lease keeps pullers out of each other's way; should it fail, the checkpoint decides. Undefined: it is not being rewound. */
async function pullUnderLease(run: Run, shardId: string): Promise<Pulled | 'busy' | undefined> {
  const { puller, owner, stopMillis, untilMillis, signal } = run;
  const { step, input } = puller;
  // Nothing is to be pulled of it.
  if ((await input.stateOf(shardId, signal))?.rewind === undefined) return undefined;
  const key = `pull/${input.under}${shardId}`;
  if (!(await step.checkpoints.lease({ key, owner, nowMillis: step.now(), untilMillis, signal }))) return 'busy';
  const told: Pull['told'] = ({ events, arrivalMillis }) => {
    run.events += events;
    if (arrivalMillis > 0) run.reached[shardId] = arrivalMillis;
  };
  try {
    return await pullShard(puller, { shardId, stopMillis, signal, told });
  } finally {
    await step.checkpoints.release({ key, owner });
  }
}

/** All have caught up with a plan that was begun. Nothing depends on it but what an operator is told. */
async function endPlan({ step }: Puller, begun: StoredPlan, signal: AbortSignal): Promise<void> {
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
