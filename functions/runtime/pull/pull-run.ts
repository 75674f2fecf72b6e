import { setTimeout as delay } from 'node:timers/promises';
import type { PullTurn } from '../source.ts';
import { deadlineOf, type Invocation } from '../step.ts';
import { parseOrExplain } from '../step-config.ts';
import { appendPage } from './append-page.ts';
import { heldUntil, isHeld, killerAt, mostEvents, whyHeld } from './deaths.ts';
import { look } from './look.ts';
import { loadPull, PULL_KEY, type PullState, type StoredPull, savePull } from './pull-state.ts';
import type { PulledStep } from './pulled-step.ts';
import { takeLease } from './take-lease.ts';

/** A run ends by itself this long before its time is over, and at most this share of its time. */
const END_MILLIS = 20_000;
const END_SHARE = 1 / 5;

/**
 * Runs a pulled source once: reads on from its position, page by page, until nothing is left, the step is paused, or
 * the run's time is nearly over. Each page is appended before the position moves. So a crash repeats a page and loses
 * none, and the repeated page has the same sources and sequences, which readers drop. One run reads at a time, under a
 * lease. The lease only saves work: if it fails, the position decides, because it moves by compare-and-set.
 */
export async function runPulled<P>(pulledStep: PulledStep<P>, invocation: Invocation): Promise<undefined> {
  const { step } = pulledStep;
  const owner = invocation.awsRequestId;
  const begunMillis = step.now();
  const signal = deadlineOf(invocation);
  const invocationMillis = invocation.getRemainingTimeInMillis();
  const untilMillis = begunMillis + invocationMillis;
  if (!(await takeLease(step, { owner, untilMillis, signal }))) return;
  const ending = new AbortController();
  const endMillis = untilMillis - Math.min(END_MILLIS, invocationMillis * END_SHARE);
  try {
    await readOn({ pulledStep, ending, endMillis, signal });
  } finally {
    await step.checkpoints.release({ key: PULL_KEY, owner });
  }
}

interface PullRun<P> {
  readonly pulledStep: PulledStep<P>;
  readonly ending: AbortController;
  /** When the run has to end, in milliseconds since 1970. */
  readonly endMillis: number;
  readonly signal: AbortSignal;
}

async function readOn<P>(run: PullRun<P>): Promise<void> {
  const { pulledStep, signal } = run;
  const { step } = pulledStep;
  const { checkpoints, now, pause } = step;
  let stored = await loadPull(checkpoints, { nowMillis: now(), signal });
  // What an earlier run may have appended after the position is finished first, under the names of the same code.
  if (stored.state.open || (await pause.inForce(signal)) === undefined) {
    stored = await readPages(run, stored);
  }
  const active = await pause.inForce(signal);
  if (active === undefined || stored.state.open) return;
  await look(pulledStep, stored, signal);
  const rest = await pause.rest(PULL_KEY, active, signal);
  if (!rest.held) await pause.note(PULL_KEY, { ...rest, held: true }, signal);
}

/** Reads pages until the run has to end. Resolves to the state that is stored then. */
async function readPages<P>(run: PullRun<P>, from: StoredPull): Promise<StoredPull> {
  const { pulledStep, ending, endMillis, signal } = run;
  const { source, step } = pulledStep;
  const { checkpoints, now } = step;
  const position = positionIn(pulledStep, from);
  // This also fences off a run that lost its lease: it can no longer move the position.
  let stored = await savePull(checkpoints, from, { state: begun(pulledStep, from.state), signal });
  const turn: PullTurn = {
    ending: ending.signal,
    signal,
    get most() {
      return mostEvents(stored.state.killed);
    },
  };
  let isOpen = from.state.open;
  const stopWatching = watch(run, () => !isOpen);
  try {
    for await (const page of source.read(position, turn)) {
      const hadToEnd = ending.signal.aborted;
      isOpen = true;
      const after = await appendPage(pulledStep, { state: stored.state, page }, signal);
      stored = await savePull(checkpoints, stored, { state: reading(pulledStep, after), signal });
      isOpen = false;
      if (now() >= endMillis || (await step.pause.inForce(signal)) !== undefined) ending.abort(new Error(ENDING));
      // The source had its chance to acknowledge the page before.
      if (hadToEnd) break;
    }
    // A source that was told to end has not said that nothing is left.
    if (!ending.signal.aborted) isOpen = false;
  } finally {
    stopWatching();
    stored = await close(run, stored, isOpen);
  }
  return stored;
}

/**
 * Returns the state of a run that begins. Throws while the step stands still because one event has killed the process
 * again and again.
 */
function begun<P>(pulledStep: PulledStep<P>, state: PullState): PullState {
  const { step } = pulledStep;
  const { killed: _, ...rest } = state;
  const killed = killerAt(state, { process: step.attempts.process, code: step.config.generation });
  if (isHeld(killed) && step.now() < heldUntil(killed)) throw new Error(whyHeld(killed, state.place));
  return reading(pulledStep, {
    ...rest,
    ...(killed === undefined ? {} : { killed }),
    open: true,
    atMillis: step.now(),
  });
}

/** Notes what the run reads next, for the case that its process dies. */
function reading<P>({ step }: PulledStep<P>, state: PullState): PullState {
  const { attempts, config, now } = step;
  const most = mostEvents(state.killed);
  return { ...state, reading: { process: attempts.process, code: config.generation, most, sinceMillis: now() } };
}

const ENDING = 'the run ends: its time is nearly over, or the step is paused';

/** Notes at the end of a run whether something may be in the log after the position. */
async function close<P>({ pulledStep }: PullRun<P>, stored: StoredPull, open: boolean): Promise<StoredPull> {
  const { checkpoints, now } = pulledStep.step;
  const { reading: _, ...rest } = stored.state;
  const state = { ...rest, open, atMillis: now() };
  const signal = AbortSignal.timeout(CLOSE_MILLIS);
  // Left open, the next run takes it that something may be there: it finishes one page before it rests in a pause.
  return savePull(checkpoints, stored, { state, signal }).catch(() => stored);
}

/** The invocation reserves its last 1.5 s, and releases the lease after this. */
const CLOSE_MILLIS = 700;

function positionIn<P>({ source, step }: PulledStep<P>, { state }: StoredPull): P | undefined {
  if (state.position === undefined) return undefined;
  return parseOrExplain(source.position, state.position, `the position of '${step.name}'`);
}

/** How often a run looks whether it has to end while the source waits for events. */
const WATCH_MILLIS = 1_000;

/** Ends the run in time, also while the source waits. `mayRest` tells whether a pause may end it now. */
function watch<P>({ pulledStep, ending, endMillis, signal }: PullRun<P>, mayRest: () => boolean): () => void {
  const { now, pause } = pulledStep.step;
  const look = async (): Promise<void> => {
    const isOver = now() >= endMillis || (mayRest() && (await pause.inForce(signal)) !== undefined);
    if (isOver && !ending.signal.aborted) ending.abort(new Error(ENDING));
  };
  const stopped = new AbortController();
  void (async () => {
    for (;;) {
      await delay(WATCH_MILLIS, undefined, { signal: stopped.signal, ref: false });
      // When the pause cannot be read now, the next look reads it.
      await look().catch(() => undefined);
    }
  })().catch(() => undefined);
  return () => stopped.abort();
}
