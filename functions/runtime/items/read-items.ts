import { createHash } from 'node:crypto';
import { EventRejected } from '../errors.ts';
import type { OutgoingEvent } from '../event.ts';
import type { LogWriter } from '../log/log-writer.ts';
import { MOST_DEATHS } from '../poison/bisect.ts';
import type { Rejection } from '../rejection.ts';
import type { AnnouncedItem, ItemPage, ItemSource } from '../source.ts';
import type { Invocation, Step } from '../step.ts';
import { isDone, type Lane, type LaneState, laneKeyOf, laneSequence, loadLane, recordDone, saveLane } from './lanes.ts';

/** A source of items in one process. */
export interface ItemReader<P = unknown> {
  readonly source: ItemSource<P>;
  readonly step: Step;
  readonly writer: LogWriter;
}

/**
 * The reason why read has to continue later: the item is half read, another invocation holds its lane, or the step
 * is paused. Undefined: nothing is left to read.
 */
export type Left = 'unfinished' | 'busy' | 'paused' | undefined;

interface Turn {
  readonly invocation: Invocation;
  readonly signal: AbortSignal;
}

/**
 * Reads announced items in order, each to its end or until the invocation's time is over. Skips items that were read to
 * their end before.
 */
export async function readItems(reader: ItemReader, items: readonly AnnouncedItem[], turn: Turn): Promise<Left> {
  const stopMillis = stopTimeOf(reader.step, turn.invocation);
  for (const item of items) {
    const left = await readInLane(reader, item, { ...turn, stopMillis });
    if (left !== undefined) return left;
  }
  return undefined;
}

interface TimedTurn extends Turn {
  readonly stopMillis: number;
  /** Set when this process has just begun the item, so its try is recorded already. */
  readonly isBegun?: true;
}

async function readInLane(reader: ItemReader, item: AnnouncedItem, turn: TimedTurn): Promise<Left> {
  const { checkpoints, now } = reader.step;
  const key = laneKeyOf(item);
  const lease = { key, owner: turn.invocation.awsRequestId };
  const untilMillis = now() + turn.invocation.getRemainingTimeInMillis();
  if (!(await checkpoints.lease({ ...lease, nowMillis: now(), untilMillis, signal: turn.signal }))) return 'busy';
  try {
    let lane = await loadLane(checkpoints, key, turn.signal);
    if (lane.state.current !== undefined && lane.state.current.identity !== item.identity) {
      // The invocation that began this item has died or run out of time. Finish the item first: the events of a later
      // item would otherwise come under an older ordinal.
      const { left, lane: freed } = await readToEnd(reader, lane, turn);
      if (left !== undefined) return left;
      lane = freed;
    }
    if (lane.state.current === undefined) {
      const pause = await reader.step.pause.inForce(turn.signal);
      if (pause !== undefined) return 'paused';
      if (await isDone(checkpoints, item.identity, turn.signal)) return undefined;
      lane = await saveLane(checkpoints, lane, { state: begin(reader.step, lane.state, item), signal: turn.signal });
      return (await readToEnd(reader, lane, { ...turn, isBegun: true })).left;
    }
    return (await readToEnd(reader, lane, turn)).left;
  } finally {
    await checkpoints.release(lease);
  }
}

/**
 * Resolves to true when the lane rests in a pause, before a page is appended. An earlier attempt may have appended the
 * same page without recording it. Code that is deployed during the pause would give the page's events other names, so
 * one page is finished first.
 */
async function rests(
  { pause }: Step,
  lane: Lane,
  { isClean, signal }: { readonly isClean: boolean; readonly signal: AbortSignal },
): Promise<boolean> {
  const active = await pause.inForce(signal);
  if (active === undefined) return false;
  const rest = await pause.rest(lane.key, active, signal);
  if (isClean) await pause.note(lane.key, { ...rest, held: true }, signal);
  return isClean || rest.held;
}

function begin({ config }: Step, state: LaneState, { laneKey, identity, item }: AnnouncedItem): LaneState {
  const tries = { generation: config.generation, count: 1 };
  return { id: state.id, ordinal: state.ordinal + 1, current: { laneKey, identity, item, tries } };
}

/**
 * Continues with the lane's current item. The item is recorded as done before the lane is free, so it cannot begin
 * again. When an item has killed three processes in a row at one position, the rest of it is rejected: otherwise every
 * other item of the lane would wait for it, and die with it.
 */
async function readToEnd(reader: ItemReader, begun: Lane, turn: TimedTurn): Promise<{ left: Left; lane: Lane }> {
  const { step } = reader;
  const { current } = begun.state;
  if (current === undefined) return { left: undefined, lane: begun };
  const shard = createHash('sha256').update(current.identity).digest('base64url').slice(0, 16);
  const reject = (error: EventRejected): Promise<void> => {
    const bytes = Buffer.from(JSON.stringify(current.item));
    const rejection = { at: 'item', reason: error.reason, message: error.message, bytes };
    return step.deadLetters.put(shard, [rejection], turn.signal);
  };
  let read: ReadResult = { lane: begun };
  if (!turn.isBegun && triesOf(step, begun.state) >= MOST_DEATHS) await reject(new EventRejected('killed', KILLED));
  else {
    const lane = turn.isBegun ? begun : await beginTry(step, begun, turn.signal);
    read = await readPages(reader, { lane, shard }, turn);
    if (read.rejected !== undefined) await reject(read.rejected);
    else if (read.left !== undefined) return { left: read.left, lane: read.lane };
  }
  await recordDone(step.checkpoints, current.identity, turn.signal);
  const { id, ordinal } = read.lane.state;
  return {
    left: undefined,
    lane: await saveLane(step.checkpoints, read.lane, { state: { id, ordinal }, signal: turn.signal }),
  };
}

const KILLED =
  `the function died ${MOST_DEATHS} times in a row at the same position of the item: out of memory, or busy until its time ` +
  'was over; everything before that position is read';

interface ReadResult {
  readonly lane: Lane;
  readonly left?: Left;
  /** Set when the item can never be read any further. */
  readonly rejected?: EventRejected;
}

async function readPages(
  reader: ItemReader,
  begun: { readonly lane: Lane; readonly shard: string },
  turn: TimedTurn,
): Promise<ReadResult> {
  const { checkpoints, now } = reader.step;
  let { lane } = begun;
  const { tries: _, ...current } = lane.state.current as NonNullable<LaneState['current']>;
  let pages = 0;
  try {
    for await (const page of reader.source.readItem(current.item, current.position, turn.signal)) {
      if (await rests(reader.step, lane, { isClean: pages++ > 0, signal: turn.signal }))
        return { left: 'paused', lane: pages > 1 ? lane : await endTry(reader.step, lane) };
      await appendPage(reader, { lane, page, shard: begun.shard }, turn.signal);
      lane = await saveLane(checkpoints, lane, {
        state: { ...lane.state, current: { ...current, position: page.position } },
        signal: turn.signal,
      });
      if (now() >= turn.stopMillis) return { left: 'unfinished', lane };
    }
    return { lane };
  } catch (error) {
    if (error instanceof EventRejected) return { lane, rejected: error };
    await endTry(reader.step, lane).catch(() => undefined);
    throw error;
  }
}

function triesOf({ config }: Step, { current }: LaneState): number {
  return current?.tries?.generation === config.generation ? current.tries.count : 0;
}

/**
 * Records a try before anything is read. A process that finds it at an unchanged position knows that the process which
 * wrote it has died.
 */
function beginTry(step: Step, lane: Lane, signal: AbortSignal): Promise<Lane> {
  return saveTries(step, lane, { count: triesOf(step, lane.state) + 1, signal });
}

/** The invocation reserves its last 1.5 s, and releases the lease after this. */
const END_MILLIS = 700;

/** Withdraws a try that failed while the process lives. */
async function endTry(step: Step, lane: Lane): Promise<Lane> {
  const count = triesOf(step, lane.state) - 1;
  if (count < 0) return lane;
  return saveTries(step, lane, { count, signal: AbortSignal.timeout(END_MILLIS) });
}

function saveTries(
  { checkpoints, config }: Step,
  lane: Lane,
  { count, signal }: { readonly count: number; readonly signal: AbortSignal },
): Promise<Lane> {
  const current = lane.state.current as NonNullable<LaneState['current']>;
  const tries = { generation: config.generation, count };
  return saveLane(checkpoints, lane, { state: { ...lane.state, current: { ...current, tries } }, signal });
}

async function appendPage(
  { step, writer }: ItemReader,
  on: { readonly lane: Lane; readonly page: ItemPage<unknown>; readonly shard: string },
  signal: AbortSignal,
): Promise<void> {
  const { lane, page, shard } = on;
  const started = step.now();
  const source = `/${step.name}/${lane.key}-${lane.state.id}/${step.config.generation}`;
  const outgoing = page.events.map((event): OutgoingEvent => {
    const sequence = laneSequence(lane.state, event.place);
    return { ...event, id: sequence, source, sequence, traceparent: undefined };
  });
  const appended = await writer.append(outgoing, signal);
  const tooLarge = appended.refused.map(({ index, size, limit }): Rejection => {
    const event = outgoing[index] as OutgoingEvent;
    const message = `the event has ${size} bytes, the stream takes at most ${limit}`;
    return { at: event.id, reason: 'too-large', message, bytes: event.dataBytes };
  });
  const rejections = [...page.rejections, ...tooLarge];
  await step.deadLetters.put(shard, rejections, signal);
  step.report(shard, {
    eventsIn: page.events.length + page.rejections.length,
    eventsOut: page.events.length - tooLarge.length,
    rejected: rejections.length,
    alreadySeen: 0,
    bytesIn: page.events.reduce((sum, { dataBytes }) => sum + dataBytes.length, 0),
    bytesOut: appended.bytes,
    durationMillis: step.now() - started,
  });
}

/**
 * Returns the time at which read stops between two pages. The last fifth of the invocation's time is for requests
 * that are already on their way.
 */
function stopTimeOf(step: Step, invocation: Invocation): number {
  const remaining = invocation.getRemainingTimeInMillis();
  return step.now() + remaining * (4 / 5);
}
