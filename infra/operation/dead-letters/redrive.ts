import { z } from 'zod';
import type { Checkpoints } from '../../../functions/runtime/checkpoints/checkpoints.ts';
import { type Lane, laneSequence, loadLane, saveLane } from '../../../functions/runtime/items/lanes.ts';
import { type LogWriter, openLogWriter } from '../../../functions/runtime/log/log-writer.ts';
import type { ReaderPlan } from '../../pipelines/plan.ts';
import { checkpointsOf, type Target } from '../target.ts';
import { copyLetter, letterId, type StoredLetter, wasMoved } from './dead-letters.ts';
import { redrivenEvent, whyLetterCannotRedrive } from './redrivable.ts';
import { each, readStored, removeStored } from './stored-letters.ts';

export interface RedriveOptions {
  readonly letters: readonly Pick<StoredLetter, 'id' | 'key' | 'copies'>[];
  /** Called after every batch. */
  readonly onProgress: (soFar: Redriven) => void;
  readonly nowMillis: () => number;
  readonly signal: AbortSignal;
}

/** What a redrive has done so far. */
export interface Redriven {
  /** Dead letters that were appended to the stream. */
  readonly appended: number;
  /** Those of `appended` that finish an interrupted redrive. They need not be among the letters of this one. */
  readonly fromBefore: number;
  /**
   * Dead letters that are only removed from the list: they were redriven before, and their step stored them again
   * because it retried its batch. Dead letters that disappeared meanwhile count here too.
   */
  readonly settledBefore: number;
  /** Dead letters that cannot be redriven. */
  readonly refused: readonly { readonly id: string; readonly why: string }[];
}

/** The keys of a batch are stored in one checkpoint, of 400 KB at most. Its events are in memory. */
const BATCH_LETTERS = 200;
const BATCH_BYTES = 8 * 1024 * 1024;

/**
 * Appends dead letters to the end of the stream that their step reads, addressed to that step alone. They go through a
 * lane, as a source's items do: the keys of a batch are stored with an ordinal before the first letter is appended, and
 * a letter is removed from the list only after it was appended. So an interrupted redrive leaves a batch that the next
 * one finishes under the same ordinal, and the step drops the duplicates. Two redrives at once finish each other's
 * batches, and only one of them may begin another.
 */
export async function redriveLetters(
  step: ReaderPlan,
  target: Target,
  { letters, onProgress, nowMillis, signal }: RedriveOptions,
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
    left = left.slice(batch.examined);
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

/** Counts the dead letters that an interrupted redrive may still have to append. */
export async function unfinishedRedrive(step: ReaderPlan, target: Target, signal: AbortSignal): Promise<number> {
  const { state } = await loadLane(checkpointsOf(step, target), LANE, signal);
  return state.current === undefined ? 0 : Keys.parse(state.current.item).length;
}

/** The key of the lane's checkpoint. */
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
  step: ReaderPlan,
  target: Target,
  { nowMillis, signal }: Pick<RedriveOptions, 'nowMillis' | 'signal'>,
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
  /** How many letters, from the first, were decided about. */
  readonly examined: number;
  readonly settledBefore: number;
  readonly refused: Redriven['refused'];
}

async function nextBatch({ target, signal }: Work, letters: RedriveOptions['letters']): Promise<NextBatch> {
  const some = letters.slice(0, BATCH_LETTERS);
  const stored = await readStored(
    target,
    some.map(({ key }) => key),
    signal,
  );
  const moved = await each(some, ({ key }) => wasMoved(target, { key, to: 'redriven' }, signal));
  const keys: string[] = [];
  const refused: { id: string; why: string }[] = [];
  const settled: string[] = [];
  let [examined, settledBefore, bytes] = [0, 0, 0];
  for (const [index, { id, key, copies }] of some.entries()) {
    const letter = stored[index];
    bytes += (letter?.text ?? letter?.base64 ?? '').length;
    if (keys.length > 0 && bytes > BATCH_BYTES) break;
    examined++;
    const why = letter === undefined ? undefined : whyLetterCannotRedrive(letter);
    // One copy is enough, and a batch has a letter once.
    settled.push(...copies);
    if (letter === undefined || moved[index] === true) {
      settledBefore++;
      settled.push(key);
    } else if (why !== undefined) refused.push({ id, why });
    else keys.push(key);
  }
  await removeStored(target, settled, signal);
  return { keys, examined, settledBefore, refused };
}

interface Finished {
  readonly lane: Lane;
  readonly appended: number;
  readonly refused: Redriven['refused'];
}

/**
 * Appends the lane's letters that are still on the list, removes them from the list, and frees the lane. A letter's
 * index in the batch is the same whenever it is appended, and so is its sequence.
 */
async function finish(work: Work, lane: Lane): Promise<Finished> {
  const { name, target, checkpoints, writer, nowMillis, signal } = work;
  const keys = Keys.parse(lane.state.current?.item);
  const stored = await readStored(target, keys, signal);
  const letters = stored.flatMap((letter, index) => (letter === undefined ? [] : [{ letter, index }]));
  const events = letters.map(({ letter, index }) => {
    const sequence = laneSequence(lane.state, index);
    return redrivenEvent(letter, { step: name, lane: lane.state.id, sequence });
  });
  const appended = await writer.append(events, signal);
  const tooLarge = new Map(appended.refused.map(({ index, size, limit }) => [index, { size, limit }]));
  const redriven = letters.filter((_, index) => !tooLarge.has(index));
  await each(redriven, ({ letter, index }) => {
    const redrive = { time: new Date(nowMillis()).toISOString(), ordinal: lane.state.ordinal };
    const key = keys[index] as string;
    return copyLetter(target, { key, to: 'redriven', letter: { ...letter, redriven: redrive } }, signal);
  });
  const removed = redriven.map(({ index }) => keys[index] as string);
  await removeStored(target, removed, signal);
  const { id, ordinal } = lane.state;
  return {
    lane: await saveLane(checkpoints, lane, { state: { id, ordinal }, signal }),
    appended: redriven.length,
    refused: [...tooLarge].map(([index, { size, limit }]) => ({
      id: letterId(keys[letters[index]?.index ?? 0] as string),
      why: `addressed to one step it has ${size} bytes, more than the ${limit} that its stream takes`,
    })),
  };
}
