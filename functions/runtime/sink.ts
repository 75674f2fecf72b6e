import type { z } from 'zod';
import type { ReceivedEvent } from './event.ts';
import type { Position } from './position.ts';
import type { Rejection } from './rejection.ts';

/**
 * A range (from, to] of one shard, in order, with what is already seen left out.
 */
export interface Slice {
  /** Names the shard for ever: the stream's incarnation and the shard's id. */
  readonly shard: string;
  /** Undefined: from the start of the shard. */
  readonly from: Position | undefined;
  readonly to: Position;
  /** To be read once. Every page has at least one event. */
  readonly pages: AsyncIterable<readonly ReceivedEvent[]>;
  /** Aborts when the invocation has to end: every external call of `write` must give up then, by throwing. */
  readonly signal: AbortSignal;
  /** After the pages are read: what a sink that keeps its own progress commits together with its rows. */
  progress(rejections: readonly Rejection[]): Progress;
}

/**
 * A step's position, marks and rejections in one shard, as an opaque text. To be stored only where the stored revision
 * is `previous` (0: where nothing is stored); otherwise the sink throws `StaleCheckpoint` and leaves no row behind.
 */
export interface Progress {
  readonly step: string;
  readonly shard: string;
  readonly previous: number;
  readonly revision: number;
  readonly state: string;
}

export interface OpenSink {
  /**
   * Makes the slice durable, in order, before it resolves. Resolves to the events it refuses for good: they become dead
   * letters. Throws anything to get the slice again: then nothing of it may count twice.
   */
  write(slice: Slice): Promise<readonly Rejection[]>;
  /**
   * A sink that has it commits `slice.progress(rejections)` together with its rows, and answers here with what it last
   * committed.
   */
  loadProgress?(shard: string, signal: AbortSignal): Promise<Pick<Progress, 'revision' | 'state'> | undefined>;
  /** Whether there is nothing yet where it writes: a replay goes to a fresh place only. */
  isEmpty(signal: AbortSignal): Promise<boolean>;
}

/** What a step is called: `<pipeline>/<step>`, unique in a stage. */
export interface SinkContext<O, R> {
  readonly step: string;
  /**
   * What the step was called before. Where a sink that keeps its own progress has none under the new name, it answers
   * with what it committed under this one, as revision 0.
   */
  readonly formerly?: string | undefined;
  readonly options: O;
  readonly resources: R;
}

export interface SinkDefinition<O = unknown, R = unknown> {
  /** What a pipeline's author chooses: type, check, default and documentation. */
  readonly options: z.ZodType<O>;
  /** What the environment provides. */
  readonly resources: z.ZodType<R>;
  /** The options that write to another place of that name, and what its author chose otherwise: for replays. */
  into(options: O, place: string): O;
  /** Whether an event that is written again is there twice then: such a sink is not rewound. */
  doubles(options: O): boolean;
  /**
   * Called when a function instance first needs the sink. Connections are opened here or later, and reopened when they
   * broke.
   */
  open(context: SinkContext<O, R>): OpenSink;
}

export function defineSink<O, R>(definition: SinkDefinition<O, R>): SinkDefinition<O, R> {
  return definition;
}

/**
 * A sink as a pipeline names it: plain data, made by `s3Sink({ … })`. `D` is what the events' data must have.
 * `scheduled`: it takes large slices only, so its step must say `every`.
 */
export interface Sink<in D, Delivery extends 'either' | 'scheduled' = 'either' | 'scheduled'> {
  readonly connector: string;
  /** The module that exports `handler`. */
  readonly entry: string;
  readonly options: unknown;
  readonly delivery: Delivery;
  /** It cannot write the same again for the same events: it is promised each of them at least once, not once. */
  readonly deterministic?: false;
  /** Never there: carries the type only. */
  readonly accepts?: (data: D) => void;
}
