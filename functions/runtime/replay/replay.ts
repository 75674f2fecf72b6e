import type { BatchWork } from '../batches/batch-work.ts';
import { openInput } from '../batches/shard-input.ts';
import type { SinkStep } from '../batches/sink-step.ts';
import { fixSlice, moveSinkState, writeBatch } from '../batches/write-batch.ts';
import { StaleCheckpoint, UserMistake } from '../errors.ts';
import type { OperatorAnswer } from '../operator-request.ts';
import { catchUpShards } from '../rewind/catch-up-step.ts';
import type { OpenSink, SinkDefinition } from '../sink.ts';
import { deadlineOf, type Invocation } from '../step.ts';
import { parseOrExplain } from '../step-config.ts';
import { loadReplay, type ReplayPlan, type StoredReplay, saveReplay } from './plan.ts';

/** The replays of a sink, in one process. Each keeps its destination open between calls. */
export interface Replays {
  /** Continues a replay for a while. Throws a `UserMistake` when its destination is not fresh. */
  continueReplay(id: string, invocation: Invocation): Promise<OperatorAnswer>;
}

export function openReplays<O, R>(definition: SinkDefinition<O, R>, sink: SinkStep): Replays {
  const { step } = sink;
  const { checkpoints } = step;
  const opened = new Map<string, Opened>();

  const ownOptions = (): O =>
    parseOrExplain(definition.options, step.config.options, `the options of step '${step.name}'`);

  function isOwnPlace({ into }: ReplayPlan): boolean {
    const own = ownOptions();
    return JSON.stringify(definition.into(own, into)) === JSON.stringify(own);
  }

  function open(id: string, plan: ReplayPlan): Opened {
    const known = opened.get(id);
    if (known !== undefined) return known;
    const into = sink.open(definition.into(ownOptions(), plan.into));
    const replay = { into, batchWork: batchWorkInto({ ...sink, open: () => into }, id, plan) };
    opened.set(id, replay);
    return replay;
  }

  async function move(id: string, from: StoredReplay & { plan: ReplayPlan }, to: Move): Promise<void> {
    try {
      await saveReplay(checkpoints, from, { id, plan: { ...from.plan, phase: to.phase }, signal: to.signal });
    } catch (error) {
      // Another invocation has done the same.
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
        if (isOwnPlace(plan))
          throw new UserMistake(
            `'${plan.into}' is where step '${step.name}' itself writes; choose another destination`,
          );
        if (!(await into.isEmpty(signal)))
          throw new UserMistake(`'${plan.into}' is not fresh: it already contains data; choose another destination`);
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

/** Returns the work of a replay, whose states lie beside the step's own, under the replay's prefix. */
function batchWorkInto(sink: SinkStep, id: string, { from, toMillis }: ReplayPlan): BatchWork {
  const { step, states, takesPortions } = sink;
  const { options } = step.config;
  const rewind = { phase: 'passing' as const, to: from, fresh: true as const, endMillis: toMillis };
  return {
    kind: takesPortions ? 'transactional replay' : 'replay by slices',
    step,
    input: openInput(step, states, {
      keepsStates: false,
      replay: { under: `replay/${id}/`, rewind },
      numbers: sink.writesByVersion,
      keepsRecords: sink.takesRecords(options),
    }),
    async process(batch, shard, { signal }) {
      const to = { ...batch.state(), intent: undefined };
      const loaded = takesPortions ? shard.loaded : await fixSlice(sink, { shard, to }, signal);
      return writeBatch(sink, { batch, shard: { ...shard, loaded }, to, options }, signal);
    },
    move: (shard, to, signal) => moveSinkState(sink, shard, { to, signal }),
  };
}
