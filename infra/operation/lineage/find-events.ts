import type { ReceivedEvent } from '../../../functions/runtime/event.ts';
import type { StreamPlan } from '../../pipelines/streams.ts';
import { readTail } from '../tail.ts';
import type { Target } from '../target.ts';
import { type TracedEvent, traced } from './traced-event.ts';

export interface EventSearch {
  readonly stream: StreamPlan;
  readonly from: 'earliest' | Date;
  readonly matches: (event: ReceivedEvent) => boolean;
  /** End with the first match, or read to the end and keep the last. */
  readonly want: 'first' | 'last';
  readonly signal: AbortSignal;
}

/** The first or last event of a stream that matches, and how many do. */
export interface FoundEvents {
  readonly event: TracedEvent | undefined;
  readonly matched: number;
  readonly read: number;
}

/** Searches a stream. Nothing indexes the log, so this reads it, 2 MB a second and shard at most. */
export async function findEvents({ target }: { readonly target: Target }, search: EventSearch): Promise<FoundEvents> {
  const { stream, from, matches, want, signal } = search;
  const { kinesis } = target.clients;
  const name = target.streamName(stream);
  const enough = new AbortController();
  const found: { readonly event: ReceivedEvent; readonly shard: string }[] = [];
  let [read, matched] = [0, 0];
  const take = (event: ReceivedEvent, shard: string): void => {
    read += 1;
    if (enough.signal.aborted || !matches(event)) return;
    matched += 1;
    // One candidate of each shard is enough: a shard is read in order.
    const known = found.findIndex((one) => one.shard === shard);
    found.splice(known === -1 ? found.length : known, 1, { event, shard });
    if (want === 'first') enough.abort();
  };
  await readTail(
    { kinesis, stream: name, from, follow: false, signal: AbortSignal.any([signal, enough.signal]) },
    { event: take, rejection: () => undefined },
  ).catch((error) => {
    if (!enough.signal.aborted) throw error;
  });
  const all = await Promise.all(found.map((one) => traced(one, stream, { target, signal })));
  const [newest] = all.sort((a, b) => b.arrivedMillis - a.arrivedMillis);
  return { event: newest, matched, read };
}
