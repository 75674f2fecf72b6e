import type { RefusalReason } from './errors.ts';

/** An event, record, row or item that a step refuses for good. */
export interface Rejection {
  /** Where it was: a position in a shard, or a place in an item, as text that sorts and may stand in an object key. */
  readonly at: string;
  readonly reason: RefusalReason;
  /** What is wrong, where, and with which value's name: shown to people. */
  readonly message: string;
  /** The original bytes. */
  readonly bytes: Uint8Array;
  /** More of where it was, for people: object key and line of a file, say. */
  readonly origin?: Readonly<Record<string, string | number>>;
}
