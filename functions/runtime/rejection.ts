import type { RejectionReason } from './errors.ts';
import type { ReceivedEvent } from './event.ts';

/** An event, record, row or item that a step refuses for good. */
export interface Rejection {
  /** Where it was: a position in a shard, or a place in an item, as text that sorts and may stand in an object key. */
  readonly at: string;
  readonly reason: RejectionReason;
  /** What is wrong, where, and with which value's name: shown to people. */
  readonly message: string;
  /** The original bytes. */
  readonly bytes: Uint8Array;
  readonly event?: RejectedEvent;
  /** More of where it was, for people: object key and line of a file, say. */
  readonly origin?: Readonly<Record<string, string | number>>;
}

/**
 * What an event was read as, beside its bytes: those of what is no CloudEvent do not say. Not there when it was never
 * read as one.
 */
export type RejectedEvent = Pick<ReceivedEvent, 'id' | 'key' | 'time'>;

/** The rejection of an event. */
export function rejectionOf(
  { position: at, id, key, time, original: bytes }: ReceivedEvent,
  { reason, message }: Pick<Rejection, 'reason' | 'message'>,
): Rejection {
  return { at, reason, message, bytes, event: { id, key, time } };
}
