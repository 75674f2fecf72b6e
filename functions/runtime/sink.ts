import type { z } from 'zod';
import type { ReceivedEvent } from './event.ts';
import type { Position } from './position.ts';
import type { LogRecord } from './record-codec/record.ts';
import type { Rejection } from './rejection.ts';
import type { Moment } from './time/batch-time.ts';
import type { Clock } from './time/clock.ts';

/** A range (from, to] of one shard: the events in order, without duplicates. */
export interface Slice {
  /**
   * The shard's name, which no other shard ever gets: the stream's incarnation and the shard's id, in a replay after
   * the name of the replay.
   */
  readonly shard: string;
  /** The position that the slice begins after. Undefined: it begins at the start of the shard. */
  readonly from: Position | undefined;
  readonly to: Position;
  /**
   * The events, in pages of at least one event each. Read them once, in order. A slice may have no pages: commit its
   * progress all the same.
   */
  readonly pages: AsyncIterable<readonly ReceivedEvent[]>;
  /** The records of the slice, of a sink whose definition takes them. */
  readonly records?: SliceRecords | undefined;
  /** What time it is in the slice. Undefined for a step that does not need to know. */
  readonly time?: SliceTime | undefined;
  /**
   * Returns the version of an event, for a sink with `generations`: of two events with one key the later
   * one has the higher version, and a second delivery has the same. Undefined: nobody knows the version of this dead
   * letter that was put back.
   */
  versionOf(event: ReceivedEvent): bigint | undefined;
  /** Aborts when the invocation has to end. Pass it to every external call, so that the call gives up by throwing. */
  readonly signal: AbortSignal;
  /**
   * Returns what a sink that keeps its own progress commits together with its rows. Call it after you have read the
   * pages, with the rejections that `write` is going to resolve to. A sink that publishes passes its events too.
   */
  progress(rejections: readonly Rejection[], published?: Published): Progress;
}

/** The records of a slice, as they are in the log: with duplicates, ticks, and what is for other steps. */
export interface SliceRecords {
  readonly shard: SlicedShard;
  /** In the order of the log. Of the first and the last one, the slice may have some events only. */
  readonly all: readonly LogRecord[];
}

/** A shard, as the stream describes it. */
export interface SlicedShard {
  readonly id: string;
  /** The first and the last hash of its range, both included. */
  readonly from: bigint;
  readonly to: bigint;
  /** The ids of its parents. */
  readonly parents: readonly string[];
}

/** What time it is in a slice. It follows from the records of the shard alone, never from a clock on a wall. */
export interface SliceTime {
  /** Returns what time it was when an event of the slice came. */
  momentOf(event: ReceivedEvent): Moment;
  /** The watermarks after the slice, by hash range. The ranges are those of the shard. */
  readonly clock: Clock;
  /**
   * Set when the slice ends with a tick: the position before it. A sink that commits up to here gets the tick again.
   */
  readonly beforeTick: Position | undefined;
  /** Set when ticks have moved the whole shard on: the time up to which everything is complete after the slice. */
  readonly passes: number | undefined;
}

/** An event that a sink publishes. The runtime gives it its source, its sequence and its id. */
export interface Publication {
  readonly type: string;
  readonly key: string;
  readonly time: string;
  readonly traceparent?: string | undefined;
  /** The JSON of `data`: one value, in UTF-8. */
  readonly dataBytes: Uint8Array;
  /** Set on a tick that is passed on (time/tick.ts). */
  readonly everywhere?: true | undefined;
}

/** What a sink publishes of a slice, in the step's output stream, and how much of the slice the sink has taken. */
export interface Published {
  /** At most `MOST_PAGE_BYTES` as they are in the stream, unless it is one event alone. */
  readonly events: readonly Publication[];
  /**
   * Set when the sink has stopped before the end of the slice, because its events would be too many: the position of
   * the last event that it has taken, or `beforeTick`. The rest comes as another slice.
   */
  readonly upTo?: Position | undefined;
  /**
   * True when more is due than one transaction holds, although all events are taken: another slice, without events,
   * comes at once.
   */
  readonly isMoreDue?: boolean | undefined;
  /**
   * Set when windows are still open: the time at which the oldest one had to close, in milliseconds since 1970. For the
   * metrics of the step alone.
   */
  readonly dueMillis?: number | undefined;
}

/**
 * The most bytes of the events that a step publishes in one transaction: about as many as the events of a portion make.
 * An invocation of five minutes can always append as many, and those of two parents, at 1 MiB a second.
 */
export const MOST_PAGE_BYTES = 32 * 1024 * 1024;

/**
 * A step's position, marks and rejections in one shard. `state` is an opaque text. Store it under `step` and `shard`
 * only where the stored revision is `previous` (0: where nothing is stored), and then with `revision`. Otherwise throw
 * `StaleCheckpoint` and leave no row behind: another invocation has committed.
 */
export interface Progress {
  readonly step: string;
  readonly shard: string;
  readonly previous: number;
  readonly revision: number;
  readonly state: string;
  /**
   * Pages that belong to the state, by name: opaque texts of about 20 KB each, usually none. Store each under `step`,
   * `shard` and its name, in place of the one with the same name. Pages that are not named here stay.
   */
  readonly pages: ReadonlyMap<string, string>;
  /**
   * Set for a sink that publishes: what it has to do beside, in the same transaction.
   */
  readonly outbox?: OutboxProgress | undefined;
  /**
   * Set while the sink makes its data again: all rejections of the slice. Keep them until the new data are in place
   * (`Rebuild`).
   */
  readonly letters?: readonly Rejection[] | undefined;
}

/** What a sink that publishes commits with its progress. */
export interface OutboxProgress {
  /**
   * The events that are appended after the commit, encoded. Store them in place of those that are stored for this
   * shard. Undefined: there are none; store that.
   */
  readonly page: Uint8Array | undefined;
  /**
   * Other shards that end with this commit: the parents of a shard that begins. Replace the state of each where the
   * stored revision is `previous` (0: where nothing is stored). Otherwise throw `StaleCheckpoint`.
   */
  readonly closes: readonly Pick<Progress, 'shard' | 'previous' | 'revision' | 'state'>[];
}

/** The progress that a sink has committed last in a shard, with the page of events if it publishes. */
export interface CommittedProgress extends Pick<Progress, 'revision' | 'state'> {
  readonly page?: Uint8Array | undefined;
}

export interface OpenSink {
  /**
   * Make the slice durable, in order, before you resolve. Resolve to the events that the destination will never take:
   * they become dead letters.
   *
   * Throw any error to have the slice delivered again. Make sure that a second delivery changes nothing. It has the
   * same events at the same positions. In a continuous step it may be cut otherwise, so never depend on the bounds of a
   * slice there. A scheduled step and a replay repeat exactly the same range, with the same options.
   */
  write(slice: Slice): Promise<readonly Rejection[]>;
  /**
   * Implement this to keep the step's progress in the destination itself. `write` then commits
   * `slice.progress(rejections)` in one transaction with its rows, and `loadProgress` resolves to what was last
   * committed for this shard. Without it, the runtime moves a checkpoint after `write`, so that a crash between the two
   * repeats the slice.
   */
  loadProgress?(shard: string, signal: AbortSignal): Promise<CommittedProgress | undefined>;
  /**
   * Implement this too when you implement `loadProgress`: resolve to all pages that were committed for this shard, by
   * their names. Without it, the runtime keeps the pages in its checkpoint table. A destination that is restored to an
   * earlier state then names pages that are gone, and the step stops.
   */
  loadPages?(shard: string, signal: AbortSignal): Promise<ReadonlyMap<string, string>>;
  /**
   * Implement this where code may keep something else of its input than the code before. Resolves to what is left to do
   * before a batch can be written. Undefined: nothing. Throws a `UserMistake` when an operator has to decide.
   */
  rebuild?(signal: AbortSignal): Promise<Rebuild | Corrections | LeftLetters | undefined>;
  /**
   * Set this for a sink that writes by version: a write wins only where its version is higher than the stored one.
   * Versions of a later generation are higher.
   */
  readonly generations?: Generations | undefined;
  /** Implement this beside `rebuild`: an operator asks, under an id of the request, to have the data made again. */
  again?(id: string, signal: AbortSignal): Promise<Again>;
  /**
   * Resolve to true when nothing is stored yet where the sink writes. A replay starts only with an empty destination.
   */
  isEmpty(signal: AbortSignal): Promise<boolean>;
  /**
   * Implement this where the destination needs care between slices, such as the merging of small files. A scheduled
   * step calls it at the end of each run that has written all shards and has time left. Two processes may tidy at the
   * same time.
   */
  tidy?(tidying: Tidying): Promise<void>;
}

/** The generations of a destination: it keeps the highest that was ever taken. */
export interface Generations {
  highest(signal: AbortSignal): Promise<number>;
  /**
   * Stores a generation above the highest one and above `above`, and resolves to it. A destination that was restored
   * from a backup may have forgotten some.
   */
  next(above: number, signal: AbortSignal): Promise<number>;
}

/** Texts that a sink remembers apart from its destination, among the step's checkpoints, by their names. */
export interface Notes {
  /** Resolves to undefined when nothing was kept under the name. */
  load(name: string, signal: AbortSignal): Promise<{ readonly revision: number; readonly text: string } | undefined>;
  /**
   * Keeps a text with the revision after `previous` (0: none was kept). Resolves to false when another process has kept
   * one since `previous` was loaded: then nothing is written.
   */
  keep(name: string, note: { readonly previous: number; readonly text: string }, signal: AbortSignal): Promise<boolean>;
}

/** What a sink that tidies gets of the runtime. */
export interface Tidying {
  /** Resolves to the text that was kept last. Undefined: none was. */
  load(): Promise<{ readonly revision: number; readonly text: string } | undefined>;
  /**
   * Keeps a text with the revision after `previous` (0: none was kept). Resolves to false when another process has kept
   * one since `previous` was loaded: then nothing is written.
   */
  keep(previous: number, text: string): Promise<boolean>;
  /**
   * Resolves to the position up to which the slices of a shard are committed: none of them is written again, except by
   * a process that is late. Undefined: none is committed.
   */
  committed(shard: string): Promise<Position | undefined>;
  now(): number;
  /** When nothing new is to be begun, in milliseconds since 1970. */
  readonly untilMillis: number;
  readonly signal: AbortSignal;
}

/**
 * Data that a sink makes again, beside those that it has: from the beginning of its input up to the positions that it
 * has committed. A slice of a shard whose name begins with `under` goes there, and `loadProgress` has progress of its
 * own for such a shard.
 */
export interface Rebuild {
  readonly kind: 'rebuild';
  readonly under: string;
  /** What is committed of the data that are there, by shard. */
  readonly committed: ReadonlyMap<string, CommittedProgress>;
  /**
   * Puts the new data in the place of the others, in one transaction, and from then on refuses every commit of an
   * earlier revision. `filled` says how far the new data go in each shard. Resolves to false when another invocation
   * has committed meanwhile, or has done the same: then nothing is changed.
   */
  swap(filled: ReadonlyMap<string, ShardFilled>, signal: AbortSignal): Promise<boolean>;
  /** Set where an operator has asked, and the code is the same: takes the request back. */
  takeBack?(signal: AbortSignal): Promise<void>;
}

/** A request of an operator to make data again. */
export interface Again {
  readonly kind: 'new' | 'pending' | 'done';
  readonly committed: Rebuild['committed'];
  /** Notes a new request: from then on, `rebuild` resolves to what is to be done. */
  note(signal: AbortSignal): Promise<void>;
}

/** A shard at the swap. */
export interface ShardFilled {
  /** How far the new data go. Undefined: nothing is committed of the shard. */
  readonly upTo: Position | undefined;
  /** The range of its hashes, both included. */
  readonly from: bigint;
  readonly to: bigint;
  /** False when the shard has ended, because one after it has begun. */
  readonly isOpen: boolean;
}

/**
 * What a sink that publishes has to tell its readers once new data are in place: how these differ from those that the
 * readers know. Each part is a transaction of a shard; its events are appended before anything else of the shard.
 */
export interface Corrections {
  readonly kind: 'corrections';
  /** The shards that publish them. */
  readonly shards: readonly string[];
  /** Resolves to the next part; undefined: none is left. */
  next(signal: AbortSignal): Promise<Correction | undefined>;
  /** Call this once the events of all shards are in the log. */
  end(signal: AbortSignal): Promise<void>;
}

export interface Correction {
  readonly shard: string;
  /** Commits the part, as `write` of the sink does. Throws `StaleCheckpoint` when another invocation has done so. */
  write(slice: Slice): Promise<void>;
}

/** Rejections of the new data, once these are in place: they become dead letters now. */
export interface LeftLetters {
  readonly kind: 'letters';
  readonly shard: string;
  readonly rejections: readonly Rejection[];
  /** Call this once they are stored. */
  stored(signal: AbortSignal): Promise<void>;
}

/** What a sink is opened with. `step` is `<pipeline>/<step>`, unique in a stage. */
export interface SinkContext<O, R> {
  readonly step: string;
  /**
   * The step's former name, if it was renamed. A sink that keeps its own progress and finds none under `step` resolves
   * to the progress that is stored under this name, with revision 0. Pages that are not stored under `step` are stored
   * under this name as well.
   */
  readonly formerly?: string | undefined;
  readonly options: O;
  readonly resources: R;
  /** What the sink remembers. Undefined: nothing of what it kept is there, and nothing is kept. */
  readonly notes?: Notes | undefined;
}

export interface SinkDefinition<O = unknown, R = unknown> {
  /** The options that a pipeline's author sets: the schema is their type, check, defaults and documentation. */
  readonly options: z.ZodType<O>;
  /** The resources that the environment provides, such as a bucket's name. */
  readonly resources: z.ZodType<R>;
  /**
   * The version of what the sink publishes. Set for a sink that publishes where its step has an output stream. It is a
   * part of the events' source, so changed code does not change it: readers would take the events in flight twice.
   */
  readonly publishes?: string;
  /** Returns the same options, but for a destination of this name: a table or a prefix. Replays write there. */
  into(options: O, place: string): O;
  /**
   * Returns true when writing an event again adds it a second time. Such a sink cannot be moved back, because that
   * would duplicate rows: the command refuses.
   */
  doubles(options: O): boolean;
  /**
   * Implement this for a sink that takes long with each event, and keeps no progress: how many events a slice has at
   * most. A slice that is written again then repeats no more than these. It exceeds them by one record at most.
   */
  mostEvents?(options: O): number;
  /**
   * Implement this for a sink that stores records. Returns true when its slices have to have them (`Slice.records`).
   */
  takesRecords?(options: O): boolean;
  /**
   * Opens the sink. The runtime calls this when a process first needs the sink, and again with other options for a
   * replay or an interrupted slice. Open connections here or later, and open them again when they break.
   */
  open(context: SinkContext<O, R>): OpenSink;
}

export function defineSink<O, R>(definition: SinkDefinition<O, R>): SinkDefinition<O, R> {
  return definition;
}

/**
 * A sink as a pipeline names it: plain data, made by `s3Sink({ … })`. `D` is the type that the data of its events must
 * fit; `Field` names the fields that its options name. A sink that is `scheduled` takes large slices only, so its step
 * has to say `every`.
 */
export interface Sink<
  in D,
  Delivery extends 'either' | 'scheduled' = 'either' | 'scheduled',
  out Field extends string = never,
> {
  readonly connector: string;
  /** The URL of the module that exports `handler`. */
  readonly entry: string;
  readonly options: unknown;
  readonly delivery: Delivery;
  /**
   * The fields of the data that its options name. A pipeline is rejected when the schema of the sink's stream does not
   * declare one of them.
   */
  readonly fields?: readonly Field[];
  /**
   * Set when the sink cannot write the same output for the same events. Each event is then promised at least once, not
   * once.
   */
  readonly deterministic?: false;
  /** Never set. Carries the type only. */
  readonly accepts?: (data: D) => void;
}
