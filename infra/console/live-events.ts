import { setInterval } from 'node:timers';
import { EventRejected } from '../../functions/runtime/errors.ts';
import type { ReceivedEvent } from '../../functions/runtime/event.ts';
import { type EventWish, eventFilter } from '../operation/event-filter.ts';
import { readTail } from '../operation/tail.ts';
import { parseStart } from '../operation/times.ts';
import type { ListedEvent, LiveEvents } from './answers.ts';
import type { Asked } from './asked.ts';
import type { EventStream } from './event-stream.ts';
import { type Hiding, hiddenData, hiddenKey, hidingIn } from './hidden-event.ts';
import { cutText, shownBytes } from './shown-bytes.ts';
import type { ConsoleSource } from './source.ts';

/** A page shows the newest of what comes: of ten thousand events a second, nobody reads more. */
const MOST_NEWEST = 50;
const SEND_EVERY_MILLIS = 250;

/** A search ends with so many matches. */
const MOST_FOUND = 200;

const MOST_PREVIEW_BYTES = 400;
const MOST_NAME = 256;

/**
 * Sends events of a stream that match the query: `from` says where to begin, as `millrace tail` takes it, `follow=1`
 * waits for new ones at the end of the stream. A search without `follow` ends at the end of the stream, or with enough
 * matches.
 */
export async function sendEvents(source: ConsoleSource, asked: Asked, to: EventStream): Promise<void> {
  const { named, query } = asked;
  const plan = source.find.stream(named.pipeline, named.stream);
  const isFollowing = query.get('follow') === '1';
  const from = parseStart(query.get('from') || (isFollowing ? 'latest' : 'earliest'), Date.now());
  const matches = await eventFilter(wishOf(query), { name: named.stream ?? '', schema: plan.schema });
  const enough = new AbortController();
  const hiding = hidingIn(plan, source.hidesData);
  const seen = counted(matches, {
    hiding,
    most: isFollowing ? MOST_NEWEST : MOST_FOUND,
    isFollowing,
    enough,
  });
  const timer = setInterval(() => {
    const message = seen.take();
    if (message !== undefined) to.send(message);
  }, SEND_EVERY_MILLIS);
  try {
    await readTail(
      {
        kinesis: source.target.clients.kinesis,
        stream: source.target.streamName(plan),
        from,
        follow: isFollowing,
        signal: AbortSignal.any([to.signal, enough.signal]),
      },
      seen,
    ).catch((error) => {
      if (!enough.signal.aborted) throw error;
    });
    to.send({ ...(seen.take() ?? seen.counts()), end: enough.signal.aborted ? 'enough' : 'all' });
    to.end();
  } finally {
    clearInterval(timer);
  }
}

function wishOf(query: URLSearchParams): EventWish {
  const given = (name: string): string | undefined => query.get(name) || undefined;
  return { key: given('key'), type: given('type'), where: given('where') };
}

interface Seen {
  event(event: ReceivedEvent, shard: string): void;
  rejection(): void;
  /** Takes what is to be sent now. Undefined when nothing has changed. */
  take(): LiveEvents | undefined;
  counts(): LiveEvents;
}

function counted(
  matches: (event: ReceivedEvent) => boolean,
  {
    most,
    isFollowing,
    enough,
    hiding,
  }: {
    readonly hiding: Hiding;
    readonly most: number;
    readonly isFollowing: boolean;
    readonly enough: AbortController;
  },
): Seen {
  let waiting: { readonly event: ReceivedEvent; readonly shard: string }[] = [];
  let [read, matched, unfit] = [0, 0, 0];
  let sent = '';
  const counts = (): LiveEvents => ({ events: [], read, matched, unfit });
  return {
    event(event, shard) {
      if (enough.signal.aborted) return;
      read += 1;
      if (!isMatch(event)) return;
      matched += 1;
      waiting.push({ event, shard });
      if (isFollowing) {
        if (waiting.length > 2 * most) waiting = waiting.slice(-most);
      } else if (matched >= most) enough.abort();
    },
    rejection() {
      unfit += 1;
    },
    take() {
      const state = `${read} ${unfit}`;
      if (state === sent) return undefined;
      sent = state;
      const events = (isFollowing ? waiting.slice(-most) : waiting).map((one) => listed(one, hiding));
      waiting = [];
      return { ...counts(), events };
    },
    counts,
  };

  function isMatch(event: ReceivedEvent): boolean {
    try {
      return matches(event);
    } catch (error) {
      if (!(error instanceof EventRejected)) throw error;
      unfit += 1;
      return false;
    }
  }
}

function listed(
  { event, shard }: { readonly event: ReceivedEvent; readonly shard: string },
  hiding: Hiding,
): ListedEvent {
  const { position, type, time } = event;
  const dataBytes = hiddenData(event, hiding);
  const { text, isCut } = shownBytes(dataBytes.subarray(0, MOST_PREVIEW_BYTES + 1), MOST_PREVIEW_BYTES);
  return {
    shard,
    position,
    key: cutText(hiddenKey(event, hiding), MOST_NAME),
    type: cutText(type, MOST_NAME),
    time: cutText(time, MOST_NAME),
    preview: isCut ? `${text}…` : text,
  };
}
