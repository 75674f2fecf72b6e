import type { OutgoingEvent } from '../event.ts';
import type { Appended, LogWriter } from '../log/log-writer.ts';
import type { Rejection } from '../rejection.ts';
import type { PulledEvent, PulledPage } from '../source.ts';
import { killerAfter } from './deaths.ts';
import { metricsOfKept, stateOfKept } from './kept.ts';
import { PULL_KEY, type PullState } from './pull-state.ts';
import type { Outputs, PulledStep } from './pulled-step.ts';

/**
 * Appends a page's events and stores its rejections. Resolves to the state after the page, which the caller has to
 * save. Throws when the page breaks what `PulledSource` demands: readers would drop its events without a word.
 */
export async function appendPage<P>(
  { step, outputs, source }: PulledStep<P>,
  { state, page }: { readonly state: PullState; readonly page: PulledPage<P> },
  signal: AbortSignal,
): Promise<PullState> {
  const started = step.now();
  const generation = generationOf(step.name, state, page);
  const hasBegunAgain = generation !== (state.generation ?? 0);
  refuseDisorder(step.name, hasBegunAgain ? undefined : state.place, page);
  const position = positionOf(step.name, source.position.parse(page.position));
  const code = generation === 0 ? step.config.generation : `${step.config.generation}.${generation}`;
  const of = `/${step.name}/${PULL_KEY}-${state.id}/${code}`;
  const appends = await appendAll(outputs, { events: page.events, of }, signal);
  const tooLarge = appends.flatMap(refusedOf).sort((one, other) => (one.at < other.at ? -1 : 1));
  const rejections = [...page.rejections, ...tooLarge];
  await step.deadLetters.put(PULL_KEY, rejections, signal);
  if (page.events.length + rejections.length > 0 || page.kept !== undefined) {
    step.report(PULL_KEY, {
      eventsIn: page.events.length + page.rejections.length,
      eventsOut: page.events.length - tooLarge.length,
      rejected: rejections.length,
      alreadySeen: 0,
      bytesIn: page.events.reduce((sum, { dataBytes }) => sum + dataBytes.length, 0),
      bytesOut: appends.reduce((sum, { appended }) => sum + appended.bytes, 0),
      ...metricsOfKept(page.kept),
      durationMillis: step.now() - started,
    });
  }
  const { place: before, killed, note: _, ...rest } = state;
  const place = page.events.at(-1)?.place ?? (hasBegunAgain ? undefined : before);
  const killer = killerAfter(killed, page.events.length);
  return {
    ...rest,
    position,
    ...(place === undefined ? {} : { place }),
    ...(generation === 0 ? {} : { generation }),
    ...(killer === undefined ? {} : { killed: killer }),
    ...(page.note === undefined ? {} : { note: page.note.slice(0, MOST_NOTE) }),
    ...stateOfKept(page.kept, step.now()),
    atMillis: step.now(),
  };
}

interface Append {
  readonly events: readonly OutgoingEvent[];
  readonly appended: Appended;
}

/** Appends the events to their streams, to all at once, and in order within each. Throws when one of them fails. */
async function appendAll(
  outputs: Outputs,
  { events, of }: { readonly events: readonly PulledEvent[]; readonly of: string },
  signal: AbortSignal,
): Promise<readonly Append[]> {
  const byWriter = new Map<LogWriter, OutgoingEvent[]>();
  // Hot path: an object without its place, made by a spread, costs as much as the rest of an append.
  let outgoing: OutgoingEvent[] = [];
  let lastTo: string | undefined | typeof NO_OUTPUT = NO_OUTPUT;
  for (const { place, to, own, type, time, key, xid, commitLsn, everywhere, dataBytes } of events) {
    if (to !== lastTo) {
      const writer = outputs.writerOf(to);
      outgoing = byWriter.get(writer) ?? [];
      byWriter.set(writer, outgoing);
      lastTo = to;
    }
    const made: OutgoingEvent = {
      id: place,
      source: of,
      type,
      time,
      key,
      sequence: place,
      traceparent: undefined,
      xid,
      commitLsn,
      dataBytes,
    };
    if (own === undefined && !everywhere) outgoing.push(made);
    else outgoing.push({ ...made, ...own, ...(everywhere ? { everywhere } : {}) });
  }
  const appends = [...byWriter].map(async ([writer, all]) => ({
    events: all,
    appended: await writer.append(all, signal),
  }));
  // No append may be in flight when this returns, also not beside one that failed.
  await Promise.allSettled(appends);
  return Promise.all(appends);
}

/** Before the first event. */
const NO_OUTPUT = Symbol('no output');

function refusedOf({ events, appended }: Append): readonly Rejection[] {
  return appended.refused.map(({ index, size, limit }) => {
    const { id, key, time, dataBytes: bytes } = events[index] as OutgoingEvent;
    const message = `the event has ${size} bytes, the stream takes at most ${limit}`;
    return { at: id, reason: 'too-large', message, bytes, event: { id, key, time } };
  });
}

function generationOf(step: string, state: PullState, { events, generation }: PulledPage<unknown>): number {
  const before = state.generation ?? 0;
  if (generation === undefined) return before;
  if (!Number.isSafeInteger(generation) || generation < before)
    throw new Error(`'${step}': the page has the generation ${generation}, and ${before} was the last one`);
  if (generation > before && events.length > 0)
    throw new Error(
      `'${step}': the page that begins the generation ${generation} has events: a retry could not repeat them`,
    );
  return generation;
}

/** More than a line is not read. */
const MOST_NOTE = 500;

const LONGEST_PLACE = 64;

/** True for 1 to 64 of the characters `-`, `0`–`9`, `A`–`Z`, `_` and `a`–`z`. Hot path. */
function isPlace(text: string): boolean {
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    const isLetter = ((code | 0x20) >= 0x61 && (code | 0x20) <= 0x7a) || code === 0x5f;
    if (!isLetter && !(code >= 0x30 && code <= 0x39) && code !== 0x2d) return false;
  }
  return text.length > 0 && text.length <= LONGEST_PLACE;
}

function refuseDisorder(step: string, last: string | undefined, { events }: PulledPage<unknown>): void {
  let before = last;
  for (const { place } of events) {
    if (!isPlace(place)) throw new Error(`'${step}': the place '${place}' is not 1 to 64 letters, digits, '-' and '_'`);
    if (before !== undefined && place.length !== before.length)
      throw new Error(`'${step}': the place '${place}' has another width than the place before it, '${before}'`);
    if (before !== undefined && place <= before)
      throw new Error(`'${step}': the place '${place}' is not above the place before it, '${before}': ${DROPPED}`);
    before = place;
  }
}

const DROPPED = 'readers would take its event for a duplicate and drop it';

/** A position is stored in one item of the checkpoint table, which takes 400 KB. */
const MOST_POSITION_BYTES = 64 * 1024;

function positionOf(step: string, position: unknown): unknown {
  const text = JSON.stringify(position);
  if (text === undefined) throw new Error(`'${step}': a page has no position`);
  const size = Buffer.byteLength(text);
  if (size > MOST_POSITION_BYTES)
    throw new Error(`'${step}': the position has ${size} bytes, at most ${MOST_POSITION_BYTES} are possible`);
  return JSON.parse(text);
}
