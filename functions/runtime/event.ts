import type { Position } from './position.ts';

/**
 * An event: CloudEvents 1.0, with the `partitionkey` extension as its key and `sequence` as its place in its source's
 * order. `data` is parsed on first use; what is only filtered, routed or passed on is never parsed.
 */
export interface Event<D = unknown> {
  readonly id: string;
  /** Who made it, as a URI reference. One source's sequences only grow, except when an event is appended again. */
  readonly source: string;
  /** Past tense: `order.placed`. */
  readonly type: string;
  /** When it happened, RFC 3339. */
  readonly time: string;
  /** Events with the same key stay in order. 1 to 256 characters. */
  readonly key: string;
  /** Compares as text within its source. Undefined when a foreign producer gave none. */
  readonly sequence: string | undefined;
  readonly traceparent: string | undefined;
  readonly data: D;
}

/**
 * An event as it is read from a shard: a view on the record's bytes. Its properties are computed when they are asked
 * for, so it cannot be spread into another object.
 */
export interface ReceivedEvent<D = unknown> extends Event<D> {
  /** Just after this event in the shard that it was read from. */
  readonly position: Position;
  /**
   * The event as CloudEvents JSON on one line: line feeds, which JSON has between its tokens only, are blanks.
   * Otherwise as it came, unless it was not a CloudEvent: then the event that it is read as.
   */
  readonly bytes: Uint8Array;
  /** The JSON of `data` alone, as it came: line feeds and digits that a number in JavaScript cannot hold included. */
  readonly dataBytes: Uint8Array;
  /** The JSON that the record held, just as it came: what was no CloudEvent is without an envelope here. */
  readonly original: Uint8Array;
  /** The one step, `<pipeline>/<step>`, that a dead letter was put back for: every other one drops it (redriven.ts). */
  readonly redrivenFor: string | undefined;
}

/** An event that is not yet in the log: what sources and transforms hand to the log writer. */
export interface OutgoingEvent {
  readonly id: string;
  readonly source: string;
  readonly type: string;
  readonly time: string;
  readonly key: string;
  readonly sequence: string | undefined;
  readonly traceparent: string | undefined;
  /** Only of a dead letter that is put back: the step it is for. */
  readonly redrivenFor?: string | undefined;
  /** The JSON of `data`: UTF-8, one value. */
  readonly dataBytes: Uint8Array;
}

/**
 * The most characters of a key. A key is a Kinesis partition key: a Unicode string of 1 to 256 characters (API
 * reference, `PutRecord`). A character is a code point, so one beyond the basic plane counts once, though JavaScript
 * holds it as two units.
 */
export const LONGEST_KEY = 256;

/** Why a text cannot be an event's key. */
export interface KeyFault {
  readonly kind: 'empty' | 'too long' | 'not Unicode';
  /** For people. Continues a sentence whose subject is the key: `has 257 characters, …`. */
  readonly message: string;
}

/** Finds what is wrong with a text as an event's key. Undefined when it may be one. */
export function keyFault(text: string): KeyFault | undefined {
  if (text === '') return { kind: 'empty', message: `is empty: give it 1 to ${LONGEST_KEY} characters` };
  // Code points are counted only where there may be too many.
  const length = text.length <= LONGEST_KEY ? text.length : [...text].length;
  if (length > LONGEST_KEY)
    return { kind: 'too long', message: `has ${length} characters, at most ${LONGEST_KEY} are possible` };
  if (!text.isWellFormed()) return { kind: 'not Unicode', message: 'has half of a surrogate pair' };
  return undefined;
}
