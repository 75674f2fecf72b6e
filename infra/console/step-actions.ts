import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { UserMistake } from '../../functions/runtime/errors.ts';
import { readerOf } from '../operation/control/move-request.ts';
import { pauseStep, resumeStep } from '../operation/control/pause.ts';
import { askedMove, planMove } from '../operation/control/plan-move.ts';
import { refuseMove } from '../operation/control/refuse-move.ts';
import { remakeTable } from '../operation/control/remake-table.ts';
import { continueRewind, rewindStep } from '../operation/control/rewind.ts';
import { FunctionFailed } from '../operation/function-failed.ts';
import type { StepPlan } from '../pipelines/plan.ts';
import { type AskedAct, done, parseBody, refuseReadOnly } from './act.ts';
import type { DoneAnswer, MoveAnswer } from './action-answers.ts';
import type { Asked } from './asked.ts';
import type { ConsoleSource } from './source.ts';

/** Pauses a step. Answers when no batch is in flight; the pause stays when nobody waits for the answer. */
export async function pauseAct(source: ConsoleSource, asked: AskedAct): Promise<DoneAnswer> {
  const step = stepToChange(source, asked);
  const options = { onProgress: () => undefined, signal: asked.signal };
  const { wasPaused, unfinished } = await pauseStep(step, source.target, options);
  const state = wasPaused ? 'was already paused' : 'is paused';
  const rest = unfinished.length === 0 ? 'no batch is in flight' : `it could not finish ${unfinished.join(', ')}`;
  return done(source, `${nameOf(step)} ${state}; ${rest}`);
}

export async function resumeAct(source: ConsoleSource, asked: AskedAct): Promise<DoneAnswer> {
  const step = stepToChange(source, asked);
  const wasPaused = await resumeStep(step, source.target, asked.signal);
  const resumed = 'is resumed; running functions notice within a few seconds';
  return done(source, `${nameOf(step)} ${wasPaused ? resumed : 'was not paused'}`);
}

/** Answers what a move would do: `to` and `shard` are as `millrace positions` takes them. Nothing is moved. */
export async function moveAnswer(
  { find, target }: ConsoleSource,
  { named, query, signal }: Asked,
): Promise<MoveAnswer> {
  const step = readerOf(find.step(named.pipeline, named.step));
  const said = query.get('to') ?? '';
  if (step.kind === 'table') {
    if (said !== 'earliest' || query.get('shard')) refuseMove(step);
    return { shards: [], isThere: false, continues: false, seen: 0, remakes: true };
  }
  const { request, continues } = await askedMove(step, target, {
    said,
    shards: query.get('shard') || undefined,
    signal,
  });
  const { shards, isThere, duplicates } = await planMove(step, target, { request, plans: find.plans(), signal });
  return {
    shards,
    isThere,
    continues,
    seen: request.seen,
    remakes: false,
    ...(duplicates.of === 'sink'
      ? {
          refused: `it appends, so it would have ${duplicates.what} twice: replay them into a new ${duplicates.into} with --into`,
        }
      : {}),
    ...(duplicates.of === 'readers' ? { doubles: duplicates.steps.map(nameOf) } : {}),
  };
}

const Move = z.strictObject({
  to: z.string().min(1),
  shard: z.string().optional(),
  /** The number of the last move that the page has seen. */
  seen: z.int(),
  /** True: whoever asks knows that sinks behind the step will get duplicates. */
  doubles: z.boolean().optional(),
});

/**
 * Moves a step, or makes a table again, and answers once it has caught up. What has begun goes on when the page is
 * closed, until the console ends; after that with the step's next batch.
 */
export async function moveAct(source: ConsoleSource, asked: AskedAct, lasting: AbortSignal): Promise<DoneAnswer> {
  const { find, target } = source;
  refuseReadOnly(source);
  const { to: said, shard, seen, doubles = false } = parseBody(Move, asked);
  const step = readerOf(stepToChange(source, asked));
  let events = 0;
  const progress = {
    onProgress: (answer: { readonly events: number } | FunctionFailed) => {
      if (!(answer instanceof FunctionFailed)) events += answer.events;
    },
    signal: lasting,
  };
  if (step.kind === 'table') {
    if (said !== 'earliest' || shard !== undefined) refuseMove(step);
    const isMade = await remakeTable(step, target, { id: randomUUID(), ...progress });
    return done(source, isMade ? `${nameOf(step)} was made again` : paused(step));
  }
  const { request, continues } = await askedMove(step, target, { said, shards: shard, signal: lasting });
  const move = { ...request, seen };
  if (!continues) {
    const { duplicates, isThere } = await planMove(step, target, {
      request: move,
      plans: find.plans(),
      signal: lasting,
    });
    if (isThere) return done(source, `${nameOf(step)} is already at that position`);
    if (duplicates.of === 'sink')
      throw new UserMistake(`${nameOf(step)} appends: moving it back would have ${duplicates.what} twice`);
    if (duplicates.of === 'readers' && !doubles)
      throw new UserMistake(
        `moving ${nameOf(step)} back would have duplicates in ${duplicates.steps.map(nameOf).join(', ')}`,
      );
  }
  const hasCaughtUp = continues
    ? await continueRewind(step, target, { seen, ...progress })
    : await rewindStep(step, target, { request: move, ...progress });
  if (!hasCaughtUp) return done(source, paused(step));
  return done(
    source,
    `${nameOf(step)} was moved to ${said} and has caught up; ${events.toLocaleString('en-US')} events processed`,
  );
}

function paused(step: StepPlan): string {
  return `${nameOf(step)} is paused: it moves when it is resumed, and the move is asked for again`;
}

function stepToChange(source: ConsoleSource, { named }: Asked): StepPlan {
  refuseReadOnly(source);
  return source.find.step(named.pipeline, named.step);
}

function nameOf({ pipeline, name }: StepPlan): string {
  return `${pipeline}/${name}`;
}
