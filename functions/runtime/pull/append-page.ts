import type { OutgoingEvent } from '../event.ts';
import type { Rejection } from '../rejection.ts';
import type { PulledPage } from '../source.ts';
import { PULL_KEY, type PullState } from './pull-state.ts';
import type { PulledStep } from './pulled-step.ts';

/**
 * Appends a page's events and stores its rejections. Resolves to the state after the page, which the caller has to
 * save. Throws when the page breaks what `PulledSource` demands: readers would drop its events without a word.
 */
export async function appendPage<P>(
  { step, writer, source }: PulledStep<P>,
  { state, page }: { readonly state: PullState; readonly page: PulledPage<P> },
  signal: AbortSignal,
): Promise<PullState> {
  const started = step.now();
  refuseDisorder(step.name, state.place, page);
  const position = positionOf(step.name, source.position.parse(page.position));
  const of = `/${step.name}/${PULL_KEY}-${state.id}/${step.config.generation}`;
  const outgoing = page.events.map(
    ({ place, ...event }): OutgoingEvent => ({
      ...event,
      id: place,
      source: of,
      sequence: place,
      traceparent: undefined,
    }),
  );
  const appended = await writer.append(outgoing, signal);
  const tooLarge = appended.refused.map(({ index, size, limit }): Rejection => {
    const { id, key, time, dataBytes: bytes } = outgoing[index] as OutgoingEvent;
    const message = `the event has ${size} bytes, the stream takes at most ${limit}`;
    return { at: id, reason: 'too-large', message, bytes, event: { id, key, time } };
  });
  const rejections = [...page.rejections, ...tooLarge];
  await step.deadLetters.put(PULL_KEY, rejections, signal);
  if (page.events.length + rejections.length > 0) {
    step.report(PULL_KEY, {
      eventsIn: page.events.length + page.rejections.length,
      eventsOut: page.events.length - tooLarge.length,
      rejected: rejections.length,
      alreadySeen: 0,
      bytesIn: page.events.reduce((sum, { dataBytes }) => sum + dataBytes.length, 0),
      bytesOut: appended.bytes,
      durationMillis: step.now() - started,
    });
  }
  const place = page.events.at(-1)?.place ?? state.place;
  return { ...state, position, ...(place === undefined ? {} : { place }), atMillis: step.now() };
}

const PLACE = /^[\w-]{1,64}$/;

function refuseDisorder(step: string, last: string | undefined, { events }: PulledPage<unknown>): void {
  let before = last;
  for (const { place } of events) {
    if (!PLACE.test(place))
      throw new Error(`'${step}': the place '${place}' is not 1 to 64 letters, digits, '-' and '_'`);
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
