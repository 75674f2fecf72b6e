import type { z } from 'zod';
import type { OutgoingEvent } from './event.ts';
import type { Rejection } from './rejection.ts';

/** An event of a source, before the runtime gives it its source, sequence and id. */
export interface SourceEvent {
  readonly type: string;
  readonly time: string;
  readonly key: string;
  readonly dataBytes: Uint8Array;
}

/** The outcome of appending a request's events. Choose the reply by it. */
export type AppendOutcome =
  | { readonly outcome: 'appended'; readonly count: number }
  /** The stream throttled the append until the request's time was over. Some of the events may be in the log. */
  | { readonly outcome: 'throttled' }
  | { readonly outcome: 'failed' }
  /** The step is paused. Nothing was appended. */
  | { readonly outcome: 'paused' }
  /**
   * These events are larger than a record of the stream may be: their indexes, and bytes. Nothing of the request is in
   * the log.
   */
  | {
      readonly outcome: 'too-large';
      readonly refused: readonly { readonly index: number; readonly size: number; readonly limit: number }[];
    };

export interface ReceivedRequest<Reply> {
  /**
   * The events to append, in order. Leave it empty when you refuse the request. An event without `source` gets this
   * process as its source, and the next count as its sequence, so a retry inside the writer cannot duplicate it. An
   * event with `source` keeps the `sequence` that it has, or has none. Refuse an event whose `source` belongs to a step
   * (`ownerOfSource`): the runtime rejects the whole request.
   */
  readonly events: readonly (SourceEvent &
    Partial<Pick<OutgoingEvent, 'id' | 'source' | 'sequence' | 'traceparent'>>)[];
  /** Makes the reply. The runtime calls this once, after the append has ended. */
  reply(append: AppendOutcome): Reply;
}

/**
 * A page of an item: the events and rejections of one stretch, and the position just after them. The runtime appends
 * the events, stores the rejections as dead letters, records the position, and only then asks for the next page.
 */
export interface ItemPage<P> {
  /**
   * Give each event a `place`: a number that grows within the item and is the same whenever the item is read, such as a
   * byte offset. Below 2^48.
   */
  readonly events: readonly (SourceEvent & { readonly place: number })[];
  readonly rejections: readonly Rejection[];
  /**
   * Any JSON. Reading on from this position must yield exactly what follows this page: a retry passes it to `readItem`.
   */
  readonly position: P;
}

export interface SourceContext<O, R> {
  /** The step's name: `<pipeline>/<step>`. */
  readonly step: string;
  /** The names of all pipelines of the stage. A source refuses events from outside that `ownerOfSource` finds there. */
  readonly pipelines: readonly string[];
  readonly options: O;
  readonly resources: R;
}

/**
 * Returns the pipeline to whose steps a `source` attribute belongs; undefined when there is none. Readers trust the
 * sequences of the steps that write into their stream. An event from outside under such a name, with a high sequence,
 * would make readers drop the step's own events as duplicates.
 */
export function ownerOfSource(source: string, pipelines: readonly string[]): string | undefined {
  return pipelines.find((pipeline) => source.startsWith(`/${pipeline}/`));
}

/**
 * A pushed source: it answers requests. Its module ends in `export const handler = requestHandler(…)`
 * (request-handler.ts).
 */
export interface ReceivingSource<Request, Reply> {
  receive(request: Request, signal: AbortSignal): Promise<ReceivedRequest<Reply>>;
}

/** An item that a queue announces, such as a file. */
export interface AnnouncedItem {
  /**
   * Items with the same lane key are read one after the other, never at the same time. For an object, use its bucket
   * and key. Announcements may overtake each other, so an older version of an object may still be read after a newer
   * one.
   */
  readonly laneKey: string;
  /** Equal for two announcements of the same content, so that it is read once: bucket, key and version or ETag. */
  readonly identity: string;
  /** Any JSON from which `readItem` finds the item again. */
  readonly item: unknown;
}

/**
 * A source of announced items. The runtime gives each item a lane, a position, and as many invocations as it needs. Its
 * module ends in `export const handler = queueHandler(…)` (queue-handler.ts).
 */
export interface ItemSource<P> {
  /**
   * Returns the items that one message of the queue announces; none for a test event. Throw `EventRejected` for a
   * message that you cannot read: it becomes a dead letter.
   */
  announced(messageBody: string): readonly AnnouncedItem[];
  /**
   * Reads an item from a position until the item ends or the signal aborts. `position` is undefined at the start of the
   * item.
   *
   * Throw `EventRejected` when the item as a whole cannot be read any further, because it is gone or has changed: that
   * makes one dead letter, the item counts as read, and the lane goes on. Throw any other error to have the item read
   * again from the last recorded position.
   */
  readItem(item: unknown, position: P | undefined, signal: AbortSignal): AsyncIterable<ItemPage<P>>;
}

/** An event of a pulled source. */
export interface PulledEvent extends SourceEvent {
  /**
   * The event's place in the source: 1 to 64 of the characters `-`, `0`–`9`, `A`–`Z`, `_` and `a`–`z`, always of the
   * same width. It becomes the event's sequence, so places grow as texts, from event to event and from page to page.
   * One place always has the same event, whenever it is read. `encodeOrdered` (position.ts) makes such texts of
   * numbers.
   */
  readonly place: string;
  /** The name of the output that the event goes to. Only a source with several outputs (`SplitSource`) gives it. */
  readonly to?: string;
  /** The id of the transaction that has made a change, and the place of its commit in the database's log. */
  readonly xid?: string;
  readonly commitLsn?: string;
  /** Set on an event that concerns every key, such as a truncation: it goes once into each shard. */
  readonly everywhere?: true;
  /**
   * What the event's maker outside calls it, instead of source and place: a stream that is `idempotent` deduplicates by
   * it. The sequence is a whole number that grows.
   */
  readonly own?: { readonly source: string; readonly sequence: string };
}

/**
 * A portion of a pulled source, and the position just after it. The runtime appends the events, stores the rejections
 * as dead letters, stores the position, and only then asks for the next page. So whoever is asked for the next page
 * knows that the last one is durable, and may acknowledge it to the source.
 */
export interface PulledPage<P> {
  /**
   * At most `most` of the turn, or about 8 MiB of data. Empty: only the position moves. Yield such a page to fix what
   * could not be found again, such as the time of the first event, before the first event that depends on it.
   */
  readonly events: readonly PulledEvent[];
  readonly rejections: readonly Rejection[];
  readonly position: P;
  /**
   * How often the source has begun again, such as with a new snapshot: a whole number. Missing: as in the page before,
   * 0 at the start. Events of a new generation count as new, and their places start afresh. The page that begins one
   * has no events: it stores a position that knows of the generation, so that a retry begins it only once.
   */
  readonly generation?: number;
  /**
   * What `millrace status` says about the source, such as what it waits for: at most 500 characters. A page without it
   * clears it.
   */
  readonly note?: string;
  /** What the database keeps for the source, when the source has just asked. It becomes two metrics. */
  readonly kept?: KeptLog;
}

/** What a database keeps of its log until a source has read it. */
export interface KeptLog {
  readonly bytes: number;
  /** How long it may go on so before changes are lost. Missing: nobody knows, or not for years. */
  readonly leftMillis?: number;
}

/** What a paused source finds out. */
export type PulledLook = Pick<PulledPage<unknown>, 'note' | 'kept'>;

/** The most events of a page, as long as nothing kills the process. */
export const PULLED_EVENTS = 10_000;

export interface PullTurn {
  /**
   * The most events that the next page may have. Ask again for each page: after a process has died, pages are smaller
   * until the event that killed it is passed. A page may have more only when it could not end earlier, because its
   * events have one position.
   */
  readonly most: number;
  /**
   * Aborts when the run has to end: its time is nearly over, or the step is paused. End the iteration then, after the
   * page that is being made; do not throw.
   */
  readonly ending: AbortSignal;
  /** Aborts when the run's time is over. Pass it to every call; throw. */
  readonly signal: AbortSignal;
}

/**
 * A pulled source: a scheduled function reads from it, from a position on. Its module ends in `export const handler =
 * pullHandler(…)` (pull-handler.ts).
 */
export interface PulledSource<P> {
  /** What a position is, as JSON of at most 64 KiB. A stored position that does not fit stops the step. */
  readonly position: z.ZodType<P, P>;
  /**
   * Reads on from a position; undefined is the start. It yields exactly what follows that position, also when pages
   * behind it were read before: a run that died may have appended some of them. End the iteration when nothing more is
   * there, or wait for more until `ending` aborts: the next run reads on a minute later. Before you wait, yield a page,
   * an empty one if nothing was there: it shows that nothing in the log lies after its position. Throw a `UserMistake`
   * when nobody can read on from the position: the step stops there until somebody has mended it.
   */
  read(from: P | undefined, turn: PullTurn): AsyncIterable<PulledPage<P>>;
  /**
   * Implement this when something grows outside while nobody reads, such as the log of a database. The runtime calls it
   * in place of `read` in each run of a paused step that has a position. An error becomes the note.
   */
  look?(from: P, signal: AbortSignal): Promise<PulledLook>;
}

export interface SourceDefinition<
  O = unknown,
  R = unknown,
  S = ReceivingSource<never, unknown> | ItemSource<unknown> | PulledSource<unknown>,
> {
  readonly options: z.ZodType<O>;
  readonly resources: z.ZodType<R>;
  open(context: SourceContext<O, R>): S;
}

export function defineSource<O, R, S>(definition: SourceDefinition<O, R, S>): SourceDefinition<O, R, S> {
  return definition;
}

/**
 * A source as a pipeline names it: plain data, made by `httpSource({ … })`. `D` is the wire type of the data that it
 * yields.
 */
export interface Source<out D> {
  readonly connector: string;
  /** The URL of the module that exports `handler`. */
  readonly entry: string;
  readonly options: unknown;
  /** Never set. Carries the type only. */
  readonly yields?: D;
  readonly outputs?: undefined;
}

/**
 * A pulled source whose events go into several streams. A step's `to` names the stream of each output: `to: { orders:
 * 'orders', customers: 'buyers' }`. `Outputs` has the wire type of each output's data, by its name.
 */
export interface SplitSource<out Outputs> extends Omit<Source<never>, 'yields' | 'outputs'> {
  readonly outputs: readonly string[];
  /** Never set. Carries the types only. */
  readonly yieldsInto?: Outputs;
}
