import type { RejectionReason } from './errors.ts';
import type { ReceivedEvent } from './event.ts';

/**
 * An event, record, row or item that a step refuses. It is stored as a dead letter, and the step goes on without it.
 */
export interface Rejection {
  /** The position in a shard, or the place in an item. It sorts as text, and it is part of an object key. */
  readonly at: string;
  readonly reason: RejectionReason;
  /** Says what is wrong, where, and the name of the value. Shown to people. */
  readonly message: string;
  /** The bytes as they came. */
  readonly bytes: Uint8Array;
  readonly event?: RejectedEvent;
  /** More about where it was, for people: object key and line of a file, for example. */
  readonly origin?: Readonly<Record<string, string | number>>;
}

/**
 * The attributes that an event was read with. The bytes of a record that is no CloudEvent do not contain them. Missing
 * when the bytes were not read as an event.
 */
export type RejectedEvent = Pick<ReceivedEvent, 'id' | 'key' | 'time'>;

/** Makes the rejection of an event. */
export function rejectionOf(
  { position: at, id, key, time, original: bytes }: ReceivedEvent,
  { reason, message }: Pick<Rejection, 'reason' | 'message'>,
): Rejection {
  return { at, reason, message, bytes, event: { id, key, time } };
}
