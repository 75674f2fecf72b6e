/**
 * The reasons of a rejection. Whoever handles an error first decides whose fault it is. The event's fault: throw
 * `EventRejected` where the event is decoded, checked, transformed or written; the event becomes a dead letter, and the
 * step goes on with the next one. Any other error is the fault of something outside, such as the network or a database:
 * the slice is delivered again.
 */
export const REJECTION_REASONS = [
  /** The bytes of the record are not what they claim to be: wrong MD5, cut off, not JSON. */
  'undecodable',
  /** The data does not fit its schema. */
  'schema',
  /** `apply` or `reduce` threw, or an SQL expression failed. All are pure, so a retry cannot help. */
  'transform',
  /** The destination refused this event, and would refuse it again. */
  'refused',
  /** The event is larger than a record of its stream may be. */
  'too-large',
  /** The function's process died of this event several times: out of memory, or busy until its time was over. */
  'killed',
  /** The step could not process the event until the stream was about to trim it: the step or Lambda gave it up. */
  'expired',
  /** The event's window has closed: its time plus the grace period was over when the event came. */
  'late',
  /** The event's time is further ahead of its arrival than the table allows: it would close windows. */
  'future',
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

/**
 * Another invocation has moved the checkpoint since this one loaded it. What this invocation did since then does not
 * count.
 */
export class StaleCheckpoint extends Error {
  constructor(what: string, expectedRevision: number) {
    super(`the checkpoint of ${what} is no longer at revision ${expectedRevision}: another invocation has moved it`);
    this.name = 'StaleCheckpoint';
  }
}

/** A user's mistake in options, resources, context or arguments. Shown without a stack. */
export class UserMistake extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'UserMistake';
  }
}
