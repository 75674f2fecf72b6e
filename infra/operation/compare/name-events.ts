import { describeStream } from '../../../functions/runtime/log/shards.ts';
import { isPosition } from '../../../functions/runtime/position.ts';
import type { StreamPlan } from '../../pipelines/streams.ts';
import { inspectEvent } from '../inspect-event.ts';
import { readTail } from '../tail.ts';
import type { Target } from '../target.ts';
import { parseExactly } from './exact-json.ts';
import type { MatchRow } from './matching.ts';
import type { StoredEvent } from './stored-rows.ts';

/**
 * Finds the last event of each of these rows. Nothing indexes the log, so this reads all of it, 2 MB a second and shard
 * at most.
 */
export async function nameEvents(
  of: {
    readonly target: Target;
    readonly stream: StreamPlan;
    readonly ids: ReadonlySet<string>;
    readonly match: MatchRow;
    readonly onRead: (events: number) => void;
  },
  signal: AbortSignal,
): Promise<ReadonlyMap<string, StoredEvent>> {
  const { target, stream, ids, match, onRead } = of;
  const found = new Map<string, StoredEvent>();
  const { kinesis } = target.clients;
  let read = 0;
  await readTail(
    { kinesis, stream: target.streamName(stream), from: 'earliest', follow: false, signal },
    {
      event(event, shard) {
        read += 1;
        if (read % REPORTED_EVERY === 0) onRead(read);
        const { id: own, key, type, time, position } = event;
        const { id } = match({ data: dataOf(event.dataBytes), event: { id: own, key } });
        if (id !== undefined && ids.has(id)) found.set(id, { id: own, key, type, time, place: { shard, position } });
      },
      rejection: () => undefined,
    },
  );
  return found;
}

/** Reads the event at a place. Resolves to undefined when the log has none there any more. */
export type ReadPlace = (place: NonNullable<StoredEvent['place']>) => Promise<StoredEvent | undefined>;

/** Opens a stream for reading events at their places. Describes the stream once. */
export async function openPlaces(
  { target, stream }: { readonly target: Target; readonly stream: StreamPlan },
  signal: AbortSignal,
): Promise<ReadPlace> {
  const { kinesis } = target.clients;
  const name = target.streamName(stream);
  const { shards } = await describeStream(kinesis, name, signal);
  return async ({ shard, position }) => {
    if (!shards.some(({ id }) => id === shard) || !isPosition(position)) return undefined;
    const found = await inspectEvent(kinesis, { stream: name, shard, position }, signal);
    return found && { id: found.event.id, key: found.event.key, type: found.event.type, time: found.event.time };
  };
}

const REPORTED_EVERY = 10_000;

/** Parses the data of an event with all digits of its numbers. */
export function dataOf(bytes: Uint8Array): unknown {
  return parseExactly(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString());
}
