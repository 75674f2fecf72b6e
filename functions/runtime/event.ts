import type { Position } from './position.ts';

/**
 * An event: CloudEvents 1.0, with the extension `partitionkey` as its key and `sequence` as its place in the order of
 * its source. `data` is parsed when it is first used. An event that is only filtered, routed or passed on is never
 * parsed.
 */
export interface Event<D = unknown> {
  readonly id: string;
  /**
   * Names the maker, as a URI reference. The sequences of one source only grow, except when an event is appended again.
   */
  readonly source: string;
  /** In the past tense: `order.placed`. */
  readonly type: string;
  /** The time at which it happened, in RFC 3339. */
  readonly time: string;
  /** Events with the same key stay in order. 1 to 256 characters (`keyFault`). */
  readonly key: string;
  /** Sequences of one source compare as text. Undefined when another producer gave none. */
  readonly sequence: string | undefined;
  readonly traceparent: string | undefined;
  /** Of a change in a database: the id of the transaction that has made it. */
  readonly xid?: string | undefined;
  /** Of a change in a database: the place of its transaction's commit in the database's log. */
  readonly commitLsn?: string | undefined;
  readonly data: D;
}

/** A part of the 128-bit space of hash keys. Both bounds are included. */
export interface HashRange {
  readonly from: bigint;
  readonly to: bigint;
}

/**
 * An event as it is read from a shard: a view of the record's bytes. Getters compute its properties, so it cannot be
 * spread into another object.
 */
export interface ReceivedEvent<D = unknown> extends Event<D> {
  /** The position just after this event in the shard that it was read from. */
  readonly position: Position;
  /**
   * The event as CloudEvents JSON on one line. Line feeds and carriage returns are replaced by blanks (`onOneLine`),
   * all else is as it came. For a record that is no CloudEvent, this is the CloudEvent that the record is read as.
   */
  readonly bytes: Uint8Array;
  /** The JSON of `data` as it came. Line breaks are kept, and so are digits that a number in JavaScript cannot hold. */
  readonly dataBytes: Uint8Array;
  /** The JSON of the record as it came. For a record that is no CloudEvent, it has no attributes. */
  readonly original: Uint8Array;
  /**
   * Set on a dead letter that was put back: the one step, `<pipeline>/<step>`, that it is for. Every other step drops
   * it (redriven.ts).
   */
  readonly redrivenFor: string | undefined;
  /**
   * Set on a late event that was put back: the watermark at which it was judged, in RFC 3339. It has missed the windows
   * that had closed by then, and has counted in the others.
   */
  readonly lateAt: string | undefined;
  /**
   * Set on an event that was put back: where its step had refused it, `<shard>/<position>`. Earlier versions did not
   * say it.
   */
  readonly redrivenFrom?: string | undefined;
  /**
   * The batch sets it on an event that stands in every shard, such as a truncation (`OutgoingEvent.everywhere`): the
   * parts of the hash space for which it counts here. It says nothing about keys that hash elsewhere.
   */
  parts?: readonly HashRange[] | undefined;
  /** The range that this copy of such an event was aimed at, by its writer. */
  readonly aim?: HashRange | undefined;
  /** The version of the stream's schema that its writer had, after `SCHEMA_OF`. Undefined: the first one. */
  readonly dataSchema?: string | undefined;
}

/** What the attribute `dataschema` of our events begins with. */
export const SCHEMA_OF = 'millrace:';

/** Writes the attribute for a version. Events of the first version, which is undefined here, have none. */
export function schemaAttribute(version: string | undefined): string | undefined {
  return version === undefined ? undefined : `${SCHEMA_OF}${version}`;
}

/** An event that is not in the log yet. Sources and transforms hand it to the log writer. */
export interface OutgoingEvent {
  readonly id: string;
  readonly source: string;
  readonly type: string;
  readonly time: string;
  readonly key: string;
  readonly sequence: string | undefined;
  readonly traceparent: string | undefined;
  readonly xid?: string | undefined;
  readonly commitLsn?: string | undefined;
  /** Set only on a dead letter that is put back: the one step that it is for. */
  readonly redrivenFor?: string | undefined;
  /** Set only beside `redrivenFor`. */
  readonly lateAt?: string | undefined;
  /** Set only beside `redrivenFor`: `<shard>/<position>` of the dead letter. */
  readonly redrivenFrom?: string | undefined;
  /**
   * Set on a tick (time/tick.ts), and on an event that concerns every key: it goes into every shard, in its place among
   * the other events, aimed at that shard.
   */
  readonly everywhere?: true;
  /** The log writer sets it: the range of the shard that an event with `everywhere` is aimed at. */
  readonly aim?: HashRange | undefined;
  /** The log writer sets it: the version of the stream's schema, after `SCHEMA_OF`. Undefined: the first one. */
  readonly dataSchema?: string | undefined;
  /** The JSON of `data`: one value, in UTF-8. */
  readonly dataBytes: Uint8Array;
  /** The event as it is in a record, where that was made before. */
  readonly encoded?: Uint8Array;
}

/**
 * The most characters of a key. A key is a Kinesis partition key: a Unicode string of 1 to 256 characters (API
 * reference, `PutRecord`). A character here is a code point: one beyond the basic plane counts once, though it has two
 * units in a JavaScript string.
 */
export const LONGEST_KEY = 256;

/** The reason why a text cannot be an event's key. */
export interface KeyFault {
  readonly kind: 'empty' | 'too long' | 'not Unicode';
  /** For people. Continues a sentence whose subject is the key: `has 257 characters, …`. */
  readonly message: string;
}

/** Finds what is wrong with a text as an event's key. Returns undefined when nothing is. */
export function keyFault(text: string): KeyFault | undefined {
  if (text === '') return { kind: 'empty', message: `is empty: give it 1 to ${LONGEST_KEY} characters` };
  // Code points are counted only where there may be too many.
  const length = text.length <= LONGEST_KEY ? text.length : [...text].length;
  if (length > LONGEST_KEY)
    return { kind: 'too long', message: `has ${length} characters, at most ${LONGEST_KEY} are possible` };
  if (!text.isWellFormed()) return { kind: 'not Unicode', message: 'has half of a surrogate pair' };
  return undefined;
}
