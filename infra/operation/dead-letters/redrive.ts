import { z } from 'zod';
import type { Checkpoints } from '../../../functions/runtime/checkpoints/checkpoints.ts';
import { type Lane, laneSequence, loadLane, saveLane } from '../../../functions/runtime/items/lanes.ts';
import { type LogWriter, openLogWriter } from '../../../functions/runtime/log/log-writer.ts';
import type { SinkPlan, TransformPlan } from '../../pipelines/plan.ts';
import { checkpointsOf, type Target } from '../target.ts';
import { findStored, isSettled, letterId, type StoredLetter, settleLetter, takeOff } from './dead-letters.ts';
import { redrivenEvent, whyNot } from './redrivable.ts';

export interface Redriving {
  readonly letters: readonly Pick<StoredLetter, 'id' | 'key'>[];
  /** Told after every batch. */
  readonly onProgress: (soFar: Redriven) => void;
  readonly nowMillis: () => number;
  readonly signal: AbortSignal;
}

export interface Redriven {
  /** Back in the stream. */
  readonly appended: number;
  /** Of those, what an earlier run had begun that was interrupted: they may not have been asked for now. */
  readonly fromBefore: number;
  /** Gone meanwhile; or put back before, and stored once more by a step that repeated its batch: off the list now. */
  readonly settledBefore: number;
  readonly refused: readonly { readonly id: string; readonly why: string }[];
}

/** A lane's item is one checkpoint, of 400 KB at most; a batch's events are in memory. */
const BATCH_LETTERS = 200;
const BATCH_BYTES = 8 * 1024 * 1024;

/**
 * Puts dead letters back to the one step that refused them, at the end of the stream that it reads. They go through a
 * lane, as a source's items do: which letters are under way is recorded, under an ordinal, before the first of them is
 * appended, and a letter is taken off the list only after it was. So whoever is interrupted, anywhere, leaves a batch
 * that the next run finishes under the same ordinal, and the step drops what comes again. Two runs at once finish each
 * other's batches, and only one of them may begin another.
 */
export async function redriveLetters(
  step: TransformPlan | SinkPlan,
  target: Target,
  { letters, onProgress, nowMillis, signal }: Redriving,
): Promise<Redriven> {
  const work = openWork(step, target, { nowMillis, signal });
  let soFar: Redriven = { appended: 0, fromBefore: 0, settledBefore: 0, refused: [] };
  const add = (more: Partial<Redriven>): void => {
    soFar = {
      appended: soFar.appended + (more.appended ?? 0),
      fromBefore: soFar.fromBefore + (more.fromBefore ?? 0),
      settledBefore: soFar.settledBefore + (more.settledBefore ?? 0),
      refused: [...soFar.refused, ...(more.refused ?? [])],
    };
    onProgress(soFar);
  };
  let lane = await loadLane(work.checkpoints, LANE, signal);
  if (lane.state.current !== undefined) {
    const finished = await finish(work, lane);
    add({ appended: finished.appended, fromBefore: finished.appended, refused: finished.refused });
    lane = finished.lane;
  }
  let left = letters;
  while (left.length > 0) {
    const batch = await nextBatch(work, left);
    left = left.slice(batch.looked);
    add({ settledBefore: batch.settledBefore, refused: batch.refused });
    if (batch.keys.length === 0) continue;
    const { id, ordinal } = lane.state;
    const current = { laneKey: LANE, identity: LANE, item: batch.keys };
    lane = await saveLane(work.checkpoints, lane, { state: { id, ordinal: ordinal + 1, current }, signal });
    const finished = await finish(work, lane);
    add({ appended: finished.appended, refused: finished.refused });
    lane = finished.lane;
  }
  return soFar;
}

/** What an interrupted run has begun: how many letters it may still have to append. */
export async function begunLetters(
  step: TransformPlan | SinkPlan,
  target: Target,
  signal: AbortSignal,
): Promise<number> {
  const { state } = await loadLane(checkpointsOf(step, target), LANE, signal);
  return state.current === undefined ? 0 : Keys.parse(state.current.item).length;
}

const LANE = 'redrive';
const Keys = z.array(z.string());

interface Work {
  readonly name: string;
  readonly target: Target;
  readonly checkpoints: Checkpoints;
  readonly writer: LogWriter;
  readonly nowMillis: () => number;
  readonly signal: AbortSignal;
}

function openWork(
  step: TransformPlan | SinkPlan,
  target: Target,
  { nowMillis, signal }: Pick<Redriving, 'nowMillis' | 'signal'>,
): Work {
  const { stream } = step.input;
  const compression = stream.kind === 'own' ? stream.compression : undefined;
  return {
    name: `${step.pipeline}/${step.name}`,
    target,
    checkpoints: checkpointsOf(step, target),
    writer: openLogWriter({
      kinesis: target.clients.kinesis,
      stream: target.streamName(stream),
      ...(compression === undefined ? {} : { compression }),
    }),
    nowMillis,
    signal,
  };
}

interface NextBatch {
  readonly keys: readonly string[];
  /** How many letters, from the first, this has decided about. */
  readonly looked: number;
  readonly settledBefore: number;
  readonly refused: Redriven['refused'];
}

async function nextBatch({ target, signal }: Work, letters: Redriving['letters']): Promise<NextBatch> {
  const some = letters.slice(0, BATCH_LETTERS);
  const found = await each(some, async ({ key }) => ({
    letter: await findStored(target, key, signal),
    isBack: await isSettled(target, { key, as: 'redriven' }, signal),
  }));
  const keys: string[] = [];
  const refused: { id: string; why: string }[] = [];
  let [looked, settledBefore, bytes] = [0, 0, 0];
  for (const [index, { letter, isBack }] of found.entries()) {
    const { id, key } = some[index] as StoredLetter;
    bytes += (letter?.text ?? letter?.base64 ?? '').length;
    if (keys.length > 0 && bytes > BATCH_BYTES) break;
    looked++;
    const why = letter === undefined ? undefined : whyNot(letter);
    if (letter === undefined || isBack) {
      settledBefore++;
      await takeOff(target, key, signal);
    } else if (why !== undefined) refused.push({ id, why });
    else keys.push(key);
  }
  return { keys, looked, settledBefore, refused };
}

interface Finished {
  readonly lane: Lane;
  readonly appended: number;
  readonly refused: Redriven['refused'];
}

/**
 * Appends the lane's letters that are still on the list, takes them off it, and frees the lane. A letter's place in the
 * batch is the same whenever it is appended.
 */
async function finish(work: Work, lane: Lane): Promise<Finished> {
  const { name, target, checkpoints, writer, nowMillis, signal } = work;
  const keys = Keys.parse(lane.state.current?.item);
  const stored = await each(keys, (key) => findStored(target, key, signal));
  const letters = stored.flatMap((letter, index) => (letter === undefined ? [] : [{ letter, index }]));
  const events = letters.map(({ letter, index }) => {
    const sequence = laneSequence(lane.state, index);
    return redrivenEvent(letter, { step: name, lane: lane.state.id, sequence });
  });
  const appended = await writer.append(events, signal);
  const tooLarge = new Map(appended.refused.map(({ index, size, limit }) => [index, { size, limit }]));
  const back = letters.filter((_, index) => !tooLarge.has(index));
  await each(back, ({ letter, index }) => {
    const redriven = { time: new Date(nowMillis()).toISOString(), ordinal: lane.state.ordinal };
    return settleLetter(
      target,
      { key: keys[index] as string, as: 'redriven', letter: { ...letter, redriven } },
      signal,
    );
  });
  const { id, ordinal } = lane.state;
  return {
    lane: await saveLane(checkpoints, lane, { state: { id, ordinal }, signal }),
    appended: back.length,
    refused: [...tooLarge].map(([index, { size, limit }]) => ({
      id: letterId(keys[letters[index]?.index ?? 0] as string),
      why: `as an event for one step it has ${size} bytes, and its stream takes ${limit}`,
    })),
  };
}

const AT_ONCE = 32;

async function each<One, Result>(all: readonly One[], work: (one: One) => Promise<Result>): Promise<readonly Result[]> {
  const results: Result[] = [];
  for (let first = 0; first < all.length; first += AT_ONCE) {
    results.push(...(await Promise.all(all.slice(first, first + AT_ONCE).map(work))));
  }
  return results;
}
