import type { BatchWork } from '../batches/batch-work.ts';
import { openInput } from '../batches/shard-input.ts';
import { fixSlice, moveState, type SinkStep, writeBatch } from '../batches/write-batch.ts';
import { StaleCheckpoint, UserMistake } from '../errors.ts';
import type { OperatorAnswer } from '../operator-request.ts';
import { catchUpShards } from '../rewind/catch-up-step.ts';
import type { OpenSink, SinkDefinition } from '../sink.ts';
import { deadlineOf, type Invocation } from '../step.ts';
import { parseOrExplain } from '../step-config.ts';
import { loadReplay, type ReplayPlan, type StoredReplay, saveReplay } from './plan.ts';

/** The replays of a sink, in one process: each has its place open from one call to the next. */
export interface Replays {
  /** Goes on with one, for a while. Throws a `UserMistake` when its place is not fresh. */
  continueReplay(id: string, invocation: Invocation): Promise<OperatorAnswer>;
}

export function openReplays<O, R>(definition: SinkDefinition<O, R>, sink: SinkStep): Replays {
  const { step } = sink;
  const { checkpoints } = step;
  const opened = new Map<string, Opened>();

  function open(id: string, plan: ReplayPlan): Opened {
    const known = opened.get(id);
    if (known !== undefined) return known;
    const options = parseOrExplain(definition.options, step.config.options, `the options of step '${step.name}'`);
    const into = sink.open(definition.into(options, plan.into));
    const replay = { into, batchWork: batchWorkInto({ ...sink, open: () => into }, id, plan) };
    opened.set(id, replay);
    return replay;
  }

  async function move(id: string, from: StoredReplay & { plan: ReplayPlan }, to: Move): Promise<void> {
    try {
      await saveReplay(checkpoints, from, { id, plan: { ...from.plan, phase: to.phase }, signal: to.signal });
    } catch (error) {
      // Somebody else was as far.
      if (!(error instanceof StaleCheckpoint)) throw error;
    }
  }

  return {
    async continueReplay(id, invocation) {
      const signal = deadlineOf(invocation);
      const stored = await loadReplay(checkpoints, id, signal);
      const { plan } = stored;
      if (plan === undefined) throw new UserMistake(`step '${step.name}' has no replay '${id}'`);
      const { into, batchWork } = open(id, plan);
      if (plan.phase === 'asked') {
        if (!(await into.isEmpty(signal)))
          throw new UserMistake(`'${plan.into}' is not fresh: there is something in it; name another place`);
        await move(id, { ...stored, plan }, { phase: 'begun', signal });
        return this.continueReplay(id, invocation);
      }
      const answer = await catchUpShards(batchWork, invocation, signal);
      if (answer.done && plan.phase === 'begun') await move(id, { ...stored, plan }, { phase: 'done', signal });
      return answer;
    },
  };
}

interface Opened {
  readonly into: OpenSink;
  readonly batchWork: BatchWork;
}

interface Move {
  readonly phase: ReplayPlan['phase'];
  readonly signal: AbortSignal;
}

/** Its states are beside the step's own, and its slices are fixed where a rerun has to write the same. */
function batchWorkInto(sink: SinkStep, id: string, { from, toMillis }: ReplayPlan): BatchWork {
  const { step, states, keepsProgress } = sink;
  const { options } = step.config;
  const rewind = { phase: 'passing' as const, to: from, fresh: true as const, endMillis: toMillis };
  return {
    step,
    input: openInput(step, states, { keepsStates: false, replay: { under: `replay/${id}/`, rewind } }),
    finishes: false,
    fixes: !keepsProgress,
    mapped: false,
    async work(batch, shard, { signal }) {
      const to = { ...batch.state(), intent: undefined };
      const loaded = await fixSlice(sink, { shard, to }, signal);
      return writeBatch(sink, { batch, shard: { key: shard.key, loaded }, to, options }, signal);
    },
    move: (shard, to, signal) => moveState(sink, shard, { to, signal }),
  };
}
