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

/** How the append of a request's events went, which decides the reply. */
export type AppendOutcome =
  | { readonly outcome: 'appended'; readonly count: number }
  /** The stream throttles: nothing more to try within the request's time. Some of the events may be in the log. */
  | { readonly outcome: 'throttled' }
  | { readonly outcome: 'failed' }
  /** The step is paused: nothing was appended. */
  | { readonly outcome: 'paused' }
  /** Events above what the stream takes, by their index: none of the request is in the log. */
  | {
      readonly outcome: 'too-large';
      readonly refused: readonly { readonly index: number; readonly size: number; readonly limit: number }[];
    };

export interface ReceivedRequest<Reply> {
  /**
   * What to append, in order; empty when the request is refused. An event without `source` and `sequence` gets the
   * process's own source and the next count, so the writer's own retries cannot double it.
   */
  readonly events: readonly (SourceEvent &
    Partial<Pick<OutgoingEvent, 'id' | 'source' | 'sequence' | 'traceparent'>>)[];
  /** Called once, after the append has ended. */
  reply(append: AppendOutcome): Reply;
}

/** What `readItem` yields: events and rejections of one stretch of the item, and the position just after them. */
export interface ItemPage<P> {
  /** `place` grows within the item and is the same whenever the item is read: a byte offset, say. Below 2^48. */
  readonly events: readonly (SourceEvent & { readonly place: number })[];
  readonly rejections: readonly Rejection[];
  /** JSON. Reading on from here yields exactly what comes after this page. */
  readonly position: P;
}

export interface SourceContext<O, R> {
  /** `<pipeline>/<step>`. */
  readonly step: string;
  readonly options: O;
  readonly resources: R;
}

/** Pushed: answers requests. Its module ends in `export const handler = requestHandler(…)` (receiving-handler.ts). */
export interface ReceivingSource<Request, Reply> {
  receive(request: Request, signal: AbortSignal): Promise<ReceivedRequest<Reply>>;
}

/** An item announced through a queue, such as a file. */
export interface AnnouncedItem {
  /**
   * Items with the same lane key are read one after the other, never side by side: an object's bucket and key.
   * Announcements may overtake each other, so an older version of an object may still be read after a newer one.
   */
  readonly laneKey: string;
  /** Equal for two announcements of the same content: bucket, key and version or ETag. */
  readonly identity: string;
  /** Whatever `readItem` needs to find it again, as JSON. */
  readonly item: unknown;
}

/**
 * Announced: the runtime gives each item a lane, a position, and as many invocations as it takes. Its module ends in
 * `export const handler = queueHandler(…)` (items-handler.ts).
 */
export interface ItemSource<P> {
  /**
   * The items that one message of the queue announces: none for a test event. Throws `EventRejected` for one it cannot
   * read.
   */
  announced(messageBody: string): readonly AnnouncedItem[];
  /**
   * Reads on from a position (undefined: from the start) until the item ends or the signal aborts. Throws
   * `EventRejected` when the item as a whole cannot be read any more (it is gone, or changed): that is one dead letter,
   * and the lane goes on.
   */
  readItem(item: unknown, position: P | undefined, signal: AbortSignal): AsyncIterable<ItemPage<P>>;
}

export interface SourceDefinition<O = unknown, R = unknown, S = ReceivingSource<never, unknown> | ItemSource<unknown>> {
  readonly options: z.ZodType<O>;
  readonly resources: z.ZodType<R>;
  open(context: SourceContext<O, R>): S;
}

export function defineSource<O, R, S>(definition: SourceDefinition<O, R, S>): SourceDefinition<O, R, S> {
  return definition;
}

/** A source as a pipeline names it: plain data, made by `httpSource({ … })`. `D` is the wire type of what it yields. */
export interface Source<out D> {
  readonly connector: string;
  /** The module that exports `handler`. */
  readonly entry: string;
  readonly options: unknown;
  /** Never there: carries the type only. */
  readonly yields?: D;
}
