import { PULL_KEY, type PullState } from '../../functions/runtime/pull/pull-state.ts';
import { decodeRecord } from '../../functions/runtime/record-codec/decode.ts';
import type { StepPlan } from '../../infra/pipelines/plan.ts';
import { TICK_MILLIS } from '../../infra/ticks.ts';
import { isContinuous, isPulled, isScheduled } from './feeders.ts';
import { positionsOf } from './views.ts';
import { streamNames, type World } from './world.ts';

const LOOK_MILLIS = 200;

/**
 * Lets time pass until every step has processed everything: queues are empty, positions are at the ends of their
 * shards, and no invocation is in flight. Runs scheduled steps as often as needed. Throws when this takes longer than
 * `withinMillis` on the run's clock.
 */
export async function settle(world: World, withinMillis: number): Promise<void> {
  const { clock } = world;
  const done = new AbortController();
  const late = clock.sleep(withinMillis, done.signal).then(
    () => {
      throw new Error(
        `after ${withinMillis / 60_000} minutes the steps have not processed everything: ${leftOf(world)}`,
      );
    },
    () => undefined,
  );
  try {
    await clock.runUntil(Promise.race([everythingDone(world, done.signal), late]));
  } finally {
    done.abort('everything is done');
  }
}

async function everythingDone(world: World, signal: AbortSignal): Promise<void> {
  const { clock, feeders, functions, steps, stage } = world;
  for (const step of steps.filter(isPulled)) await readToEnd(world, step, signal);
  for (;;) {
    const [before, sinceMillis] = [appendedCounts(world), clock.now()];
    while (messagesLeft(world) > 0) await clock.sleep(LOOK_MILLIS, signal);
    for (const step of steps.filter(isContinuous)) await feeders.mappings.get(step)?.caughtUp();
    for (const step of steps.filter(isScheduled)) {
      if (isBehind(world, step)) await feeders.scheduler.runNow(stage.names.step(step.pipeline, step.name));
      if (isBehind(world, step)) await clock.sleep(LOOK_MILLIS, signal);
    }
    while (functions.inFlight() > 0) await clock.sleep(LOOK_MILLIS, signal);
    const isDone = !steps.filter(isScheduled).some((step) => isBehind(world, step));
    if (isDone && messagesLeft(world) === 0 && isQuiet(world, before, sinceMillis)) return;
  }
}

/** The pause between two runs of a pulled source that is not at its end: a dead run keeps its lease for minutes. */
const PULL_AGAIN_MILLIS = 10_000;

/**
 * Runs a pulled source until a run ends well and brings nothing, or the step is paused. A source that never ends keeps
 * the run of a test from settling.
 */
async function readToEnd(world: World, step: StepPlan, signal: AbortSignal): Promise<void> {
  const { clock, feeders, stage } = world;
  for (;;) {
    const [before, sinceMillis] = [appendedCount(world), clock.now()];
    await feeders.scheduler.runNow(stage.names.step(step.pipeline, step.name));
    if (isPaused(world, step)) return;
    const { open = true, atMillis = 0 } = noteOf(world, step, PULL_KEY) as Partial<PullState>;
    if (!open && atMillis >= sinceMillis && appendedCount(world) === before) return;
    await clock.sleep(PULL_AGAIN_MILLIS, signal);
  }
}

function isPaused(world: World, step: StepPlan): boolean {
  return 'pausedSince' in noteOf(world, step, 'control');
}

function noteOf({ stage }: World, { pipeline, name }: StepPlan, key: string): object {
  const items = stage.dynamodb.items(stage.names.checkpoints);
  const item = items.find((one) => one.step?.S === `${pipeline}/${name}` && one.key?.S === key);
  return JSON.parse(item?.state?.S ?? '{}');
}

function isBehind(world: World, step: Parameters<typeof positionsOf>[1]): boolean {
  return positionsOf(world, step).some(({ recordsBehind }) => recordsBehind > 0);
}

function appendedCount(world: World): number {
  return [...appendedCounts(world).values()].reduce((sum, count) => sum + count, 0);
}

function appendedCounts({ stage, plans }: World): ReadonlyMap<string, number> {
  return new Map(streamNames(stage, plans).map((stream) => [stream, stage.streams.appended(stream).length]));
}

/**
 * Tells whether no step has appended anything since a look at all steps began. When a look takes longer than from one
 * tick to the next, a tick has always come meanwhile: then only events count.
 */
function isQuiet({ stage, clock }: World, before: ReadonlyMap<string, number>, sinceMillis: number): boolean {
  const ticksCount = clock.now() - sinceMillis < TICK_MILLIS;
  return [...before].every(([stream, count]) =>
    stage.streams
      .appended(stream)
      .slice(count)
      .every((record) => !ticksCount && decodeRecord(record, { name: stream }).entries.length === 0),
  );
}

function messagesLeft({ stage, steps }: World): number {
  return steps
    .filter(({ delivery }) => delivery === 'queue')
    .reduce((sum, { pipeline, name }) => sum + stage.sqs.messages(stage.names.step(pipeline, name)).length, 0);
}

function leftOf(world: World): string {
  const { steps, stage, functions } = world;
  const behind = steps.flatMap((step) => {
    if (step.kind === 'source') return [];
    const records = positionsOf(world, step).reduce((sum, { recordsBehind }) => sum + recordsBehind, 0);
    return records === 0 ? [] : [`${step.name} is ${records} ${records === 1 ? 'record' : 'records'} behind`];
  });
  const waiting = steps
    .filter(({ delivery }) => delivery === 'queue')
    .map((step) => ({ step, count: stage.sqs.messages(stage.names.step(step.pipeline, step.name)).length }))
    .filter(({ count }) => count > 0)
    .map(({ step, count }) => `${step.name} has ${count} announcements left`);
  const inFlight = functions.inFlight() > 0 ? [`${functions.inFlight()} invocations are in flight`] : [];
  return [...behind, ...waiting, ...inFlight].join(', ');
}
