import { moveForeignMarks } from '../checkpoints/foreign-marks.ts';
import { dropPassedMarks, endInput, type MarkRange, rangeFor, rangesWithin, takeMark } from '../checkpoints/marks.ts';
import type { LoadedState } from '../checkpoints/shard-states.ts';
import { copyState, type StepState } from '../checkpoints/step-state.ts';
import { isForAnother, redriveSources } from '../dead-letters/redriven.ts';
import { type HashRange, type ReceivedEvent, SCHEMA_OF } from '../event.ts';
import { PORTION, type PortionBounds } from '../log/portion.ts';
import { endOfRecord, type Position, positionOf } from '../position.ts';
import { type Decoded, type DecodedEvent, type DecodedTick, decodeRecord } from '../record-codec/decode.ts';
import { hashOf } from '../record-codec/hash.ts';
import type { LogRecord } from '../record-codec/record.ts';
import type { Rejection } from '../rejection.ts';
import { type BatchTime, openBatchTime } from '../time/batch-time.ts';
import type { TimeOf } from '../time/clock.ts';
import { WHOLE_SPACE } from '../time/tick.ts';
import type { Ordinals } from '../versions/number-batch.ts';
import { LEAP } from '../versions/version.ts';

/** The shard that a batch comes from, and the sources whose events its reader deduplicates. */
export interface BatchFacts {
  readonly stream: string;
  /** Both bounds of the shard's hash keys are inclusive. */
  readonly from: bigint;
  readonly to: bigint;
  /** The prefixes of the `source` attributes that Millrace steps upstream give their events. */
  readonly own: readonly string[];
  /**
   * The reader's name, `<pipeline>/<step>`, and its former name: a redriven event for another step is dropped. Omit it
   * to read without filtering by recipient (inspection).
   */
  readonly names?: readonly string[];
  /** The versions of the stream's schema that the step knows. Undefined: it takes any. */
  readonly versions?: readonly string[] | undefined;
  /** Set for a step that needs to know what time it is. Others skip the ticks. */
  readonly time?: TimeOf | undefined;
  /** The bounds of the portions that the step commits: `PORTION`, or smaller ones in tests. */
  readonly portion?: PortionBounds | undefined;
  /** True when the step may take a part of a batch: then the batch keeps its records, for `upTo`. */
  readonly takesParts?: boolean | undefined;
  /** True when the state notes where the step has begun to read the shard. */
  readonly notesBeginning?: boolean | undefined;
  /** True for a step that stores records: then the batch keeps them. */
  readonly keepsRecords?: boolean | undefined;
  /** True for a step that writes by version: then the batch counts what its records hold. */
  readonly numbers?: boolean | undefined;
  /** Set where a shard is read only so far: nothing after this position is taken. */
  readonly until?: Position | undefined;
}

/** One batch of a shard: its new events in order, and the step's state after them. */
export interface Batch {
  readonly events: ReceivedEvent[];
  /** The records and entries that do not decode. */
  readonly rejections: Rejection[];
  /** The records that were taken, where `keepsRecords` is set. */
  readonly records: readonly LogRecord[] | undefined;
  /** Adds a record's new events. Give `to`, a position inside the record, to leave out the events after it for now. */
  take(record: LogRecord, to?: Position): void;
  /** Adds a rejection in place of a record, without decoding that record. */
  reject(record: LogRecord, rejection: Rejection): void;
  /** Tells whether the batch has reached the bounds: those of a portion, or others. */
  isFull(bounds?: PortionBounds): boolean;
  /** Ends the marks of an input: a step upstream has drained it, or no longer writes into the stream. */
  end(input: string): void;
  /** Returns the state to commit once everything taken so far is processed. */
  state(): StepState;
  /** Makes the batch that ends with the event at this position, where `takesParts` is set. */
  upTo(position: Position): Batch;
  /** The counts of what was taken so far. */
  readonly counts: {
    /** The events that were dropped, because the position or their source's mark had passed them. */
    alreadySeen: number;
    /** The records' bytes, as they came from the stream. */
    bytes: number;
    /** The bytes of the new events' data, decompressed. */
    dataBytes: number;
  };
  /** When the newest record arrived. 0: no record was taken. */
  readonly arrivalMillis: number;
  /** The marks after everything taken so far. */
  readonly marks: readonly MarkRange[];
  /** What time it was at each event, and the ticks among them. Undefined for a step that needs no time. */
  readonly time: BatchTime | undefined;
  readonly ordinals: Ordinals;
}

/** Makes one batch of records: their new events in order, up to the bounds of a portion or to others. */
export function deduplicate(
  records: readonly LogRecord[],
  { loaded, facts }: { readonly loaded: LoadedState; readonly facts: BatchFacts },
  bounds?: PortionBounds,
): Batch {
  const batch = openBatch(loaded.state, facts);
  for (const record of records) {
    if (batch.isFull(bounds)) break;
    batch.take(record);
  }
  return batch;
}

/**
 * Opens a batch, to be filled record by record. Drops each event that the position or its source's mark has passed, or
 * that hashes outside the shard. An event outside the shard was put into an aggregated record by a writer that did not
 * know of a reshard yet, and that writer appends the event again to the right shard. The range of a record that is not
 * aggregated is never checked, because GetRecords does not say which explicit hash key the record was put with.
 */
export function openBatch(committed: StepState, facts: BatchFacts): Batch {
  const state = copyState(committed);
  let position = committed.position;
  let arrivalMillis = 0;
  const events: ReceivedEvent[] = [];
  const rejections: Rejection[] = [];
  const counts = { alreadySeen: 0, bytes: 0, dataBytes: 0 };
  const time = facts.time && openBatchTime(facts, facts.time, committed.clock);
  const kept: Taken[] = [];
  const records: LogRecord[] | undefined = facts.keepsRecords ? [] : undefined;
  const ended: string[] = [];
  const numbers = new Map<string, number | string>();
  /** One shard takes every key, so no hash is needed. */
  const isWhole = facts.from === WHOLE_SPACE.from && facts.to === WHOLE_SPACE.to;
  let counted = 0;
  let rejectedBytes = 0;
  let { began } = committed;

  function keep(taken: Taken): void {
    records?.push(taken.record);
    if (facts.takesParts) kept.push(taken);
  }

  function addRejection(rejection: Rejection): void {
    rejections.push(rejection);
    rejectedBytes += rejection.bytes.length;
  }

  /**
   * Counts an event or a rejection that is after the position, whatever becomes of it: every attempt at the records
   * counts alike. An event that was put back keeps the number that it had.
   */
  function count(entry: Decoded['entries'][number], passed: Position | undefined): void {
    if (!facts.numbers) return;
    const at = positionOfEntry(entry);
    if (passed !== undefined && at <= passed) return;
    counted++;
    const event = 'event' in entry ? entry.event : undefined;
    const isPutBack = event?.redrivenFor !== undefined && redriven.some((prefix) => event.source.startsWith(prefix));
    numbers.set(at, isPutBack ? (event.redrivenFrom ?? '') : counted);
  }

  /** Adds one event of a record, if the event is new. `passed` is the position, when that is inside the record. */
  function takeEntry(
    entry: Decoded['entries'][number],
    { record, aggregated, passed }: { record: LogRecord; aggregated: boolean; passed: Position | undefined },
  ): void {
    count(entry, passed);
    if ('rejection' in entry) {
      if (passed === undefined || entry.rejection.at > passed) addRejection(entry.rejection);
      return;
    }
    const { event, partitionKey, explicitHashKey } = entry;
    const hash = (): bigint => explicitHashKey ?? hashOf(partitionKey);
    const aim = aimOf(entry);
    if (passed !== undefined && event.position <= passed) counts.alreadySeen++;
    else if (aggregated && aim === undefined && !isWhole && !within(hash(), facts)) return;
    else if (isForAnother(event, facts.names)) return;
    else if (wasTaken(event, { aim, hash }, record)) counts.alreadySeen++;
    else {
      waitForKnown(event);
      time?.takeEvent(event, { hash, arrivedMillis: record.approximateArrivalMillis });
      events.push(event);
      counts.dataBytes += event.dataBytes.length;
    }
  }

  /**
   * Takes the ticks from `next` on that stand before so many entries of their record. A tick that was taken before
   * changes nothing. Returns the index of the tick after them.
   */
  function takeTicks(ticks: readonly DecodedTick[], next: number, entriesBefore: number): number {
    let index = next;
    for (let tick = ticks[index]; tick !== undefined && tick.entriesBefore <= entriesBefore; tick = ticks[++index])
      time?.takeTick(tick.tick, events);
    return index;
  }

  const { foreign: committedForeign } = committed;
  const foreign = committedForeign?.marks && moveForeignMarks(committedForeign, committedForeign.marks);
  const redriven = redriveSources(facts.names ?? []);
  const own = [...facts.own, ...redriven];
  /** The answer for the previous event: the next one nearly always has the same source. */
  let last = { source: '', isOwn: false };

  function isOwn(source: string): boolean {
    if (last.source !== source) last = { source, isOwn: own.some((prefix) => source.startsWith(prefix)) };
    return last.isOwn;
  }

  let knownSchema: string | undefined;

  /**
   * Throws at an event of a version that the step does not know: its functions are one deployment behind its writers.
   * They would leave out what is new, or refuse the event. So the batch comes again until the step is deployed.
   */
  function waitForKnown({ dataSchema, source, position: at }: ReceivedEvent): void {
    if (dataSchema === undefined || dataSchema === knownSchema || facts.versions === undefined) return;
    const version = dataSchema.slice(SCHEMA_OF.length);
    // Producers outside may claim anything.
    if (!isOwn(source) || facts.versions.includes(version)) {
      knownSchema = dataSchema;
      return;
    }
    throw new Error(
      `the event at ${at} has version ${version} of its schema, which this function does not know: it waits for the deployment of a pipeline whose schemas.lock.json has it`,
    );
  }

  function isRepeat({ source, sequence }: ReceivedEvent, hash: () => bigint, record: LogRecord): boolean {
    if (sequence === undefined) return false;
    if (!isOwn(source)) {
      const { approximateArrivalMillis: arrivalMillis } = record;
      return foreign?.take({ source, sequence, range: rangeFor(state.marks, hash), arrivalMillis }) === false;
    }
    return !takeMark(state.marks, { source, sequence, hash, arrivalMillis: record.approximateArrivalMillis });
  }

  /** The range of an event that stands in every shard. Producers outside may claim anything. */
  function aimOf({ event, explicitHashKey }: DecodedEvent): HashRange | undefined {
    // Quickly, for nearly all events.
    if (explicitHashKey === undefined) return undefined;
    const { aim, sequence, source } = event;
    return aim !== undefined && sequence !== undefined && isOwn(source) ? aim : undefined;
  }

  /**
   * True for an event that was taken before, and moves its source's mark otherwise. A copy of an event that stands in
   * every shard may have been taken for a part of its range: by one of two parents that were merged since, or by one
   * child of a shard that was split. So each part has a mark of its own.
   */
  function wasTaken(
    event: ReceivedEvent,
    { aim, hash }: { readonly aim: HashRange | undefined; readonly hash: () => bigint },
    record: LogRecord,
  ): boolean {
    if (aim === undefined) return isRepeat(event, hash, record);
    const { source, sequence = '' } = event;
    const parts = rangesWithin(state.marks, aim).filter(({ range, part }) =>
      takeMark([range], { source, sequence, hash: () => part.from, arrivalMillis: record.approximateArrivalMillis }),
    );
    event.parts = parts.map(({ part }) => part);
    return parts.length === 0;
  }

  function moveTo(end: Position, record: LogRecord): void {
    if (facts.notesBeginning && position === undefined) began = positionOf(record.sequenceNumber, 0);
    position = end;
    counts.bytes += record.data.length;
    arrivalMillis = Math.max(arrivalMillis, record.approximateArrivalMillis);
  }

  return {
    events,
    rejections,
    records,
    counts,
    marks: state.marks,
    time,
    ordinals: {
      get total() {
        return counted;
      },
      of: (at) => numbers.get(at),
    },
    get arrivalMillis() {
      return arrivalMillis;
    },
    take(record, upTo) {
      const end = endOfRecord(record.sequenceNumber);
      if (position !== undefined && end <= position) return;
      const to = boundBefore(end, earlierOf(upTo, facts.until));
      keep({ record, to });
      const { aggregated, entries, ticks: all } = decodeRecord(record, { name: facts.stream });
      const ticks = to === undefined ? all : all.filter(({ at }) => at <= to);
      const isBefore = position === undefined || position < positionOf(record.sequenceNumber, 0);
      const from = { record, aggregated, passed: isBefore ? undefined : position };
      let [taken, nextTick] = [0, 0];
      for (const entry of entries) {
        if (to !== undefined && positionOfEntry(entry) > to) break;
        nextTick = takeTicks(ticks, nextTick, taken);
        takeEntry(entry, from);
        taken++;
      }
      takeTicks(ticks, nextTick, taken);
      moveTo(to ?? end, record);
    },
    reject(record, rejection) {
      keep({ record, to: undefined, rejected: rejection });
      addRejection(rejection);
      // Nobody knows how many events the record holds.
      counted += LEAP;
      moveTo(endOfRecord(record.sequenceNumber), record);
    },
    isFull(bounds = facts.portion ?? PORTION) {
      return (
        events.length + rejections.length >= bounds.events ||
        rejections.length >= bounds.rejections ||
        counts.dataBytes + rejectedBytes >= bounds.bytes
      );
    },
    end(input) {
      ended.push(input);
      endInput(state.marks, input, arrivalMillis);
    },
    upTo(last) {
      if (!facts.takesParts) throw new Error(`a part of a batch was taken up to ${last}, and its step takes none`);
      const part = openBatch(committed, facts);
      for (const { record, to, rejected } of kept) {
        if (positionOf(record.sequenceNumber, 0) > last) break;
        if (rejected === undefined) part.take(record, to === undefined || to > last ? last : to);
        else part.reject(record, rejected);
      }
      for (const input of ended) part.end(input);
      return part;
    },
    state() {
      dropPassedMarks(state.marks, arrivalMillis);
      return {
        ...state,
        position,
        ...(foreign === undefined ? {} : { foreign: foreign.state() }),
        ...(time === undefined ? {} : { clock: time.clock }),
        ...(arrivalMillis === 0 ? {} : { arrivedMillis: arrivalMillis }),
        ...(began === undefined ? {} : { began }),
      };
    },
  };
}

/** Returns a bound within a record. One behind its end needs no look at each position in it. */
function boundBefore(end: Position, bound: Position | undefined): Position | undefined {
  return bound !== undefined && bound < end ? bound : undefined;
}

/** A record as it was taken: up to a position, or as a rejection. */
interface Taken {
  readonly record: LogRecord;
  readonly to: Position | undefined;
  readonly rejected?: Rejection;
}

function earlierOf(one: Position | undefined, other: Position | undefined): Position | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return one < other ? one : other;
}

/** Returns the position just after the entry. */
function positionOfEntry(entry: Decoded['entries'][number]): string {
  return 'rejection' in entry ? entry.rejection.at : entry.event.position;
}

function within(hash: bigint, { from, to }: BatchFacts): boolean {
  return hash >= from && hash <= to;
}
