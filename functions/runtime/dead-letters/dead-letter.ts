import type { RejectionReason } from '../errors.ts';
import type { RejectedEvent } from '../rejection.ts';

/** A dead letter as it is stored: one JSON document. */
export interface DeadLetter {
  readonly pipeline: string;
  readonly step: string;
  /** The shard or item that the event was in. */
  readonly shard: string;
  readonly at: string;
  readonly reason: RejectionReason;
  readonly message: string;
  readonly origin?: Readonly<Record<string, string | number>>;
  readonly event?: RejectedEvent;
  /** The original bytes as text, if they are UTF-8. */
  readonly text?: string;
  /** The original bytes in base64, if they are not UTF-8. */
  readonly base64?: string;
  /** Set when an operator has changed the event's data: when, and the bytes as they came. */
  readonly mended?: { readonly time: string; readonly text?: string; readonly base64?: string };
}
