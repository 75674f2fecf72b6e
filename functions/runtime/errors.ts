/**
 * Whose fault is an error? One kind is the event's: `EventRejected`, thrown where an event is decoded, checked,
 * transformed or written. It goes to the dead letters and the step goes on. Everything else is the world's: the slice
 * is delivered again.
 */
export const REJECTION_REASONS = [
  /** The record's bytes are not what they say they are: bad MD5, truncated, not JSON. */
  'undecodable',
  /** The data does not fit its schema. */
  'schema',
  /** `apply` threw, or an SQL expression failed. It is pure: trying again cannot help. */
  'transform',
  /** The destination refused this event for good. */
  'refused',
  /** The event is larger than its stream takes. */
  'too-large',
  /** The function's process died of it, again and again: out of memory, or in a loop until its time was over. */
  'killed',
  /** It was never done, and Lambda gave up on it when it was too old. */
  'expired',
] as const;

export type RejectionReason = (typeof REJECTION_REASONS)[number];

export class EventRejected extends Error {
  readonly reason: RejectionReason;

  constructor(reason: RejectionReason, message: string) {
    super(message);
    this.name = 'EventRejected';
    this.reason = reason;
  }
}

/** Another invocation has moved the checkpoint on: what this one did after it loaded the checkpoint does not count. */
export class StaleCheckpoint extends Error {
  constructor(what: string, expectedRevision: number) {
    super(`the checkpoint of ${what} is no longer at revision ${expectedRevision}: another invocation has moved it`);
    this.name = 'StaleCheckpoint';
  }
}

/** A user's mistake in options, resources, context or arguments: shown without a stack. */
export class UserMistake extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'UserMistake';
  }
}
