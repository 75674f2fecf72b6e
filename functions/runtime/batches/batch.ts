import { moveForeignMarks } from '../checkpoints/foreign-marks.ts';
import { dropPassedMarks, type MarkRange, rangeFor, takeMark } from '../checkpoints/marks.ts';
import { copyState, type StepState } from '../checkpoints/step-state.ts';
import { isForAnother, redriveSources } from '../dead-letters/redriven.ts';
import type { ReceivedEvent } from '../event.ts';
import { endOfRecord, type Position, positionOf } from '../position.ts';
import { type Decoded, decodeRecord } from '../record-codec/decode.ts';
import { hashOf } from '../record-codec/hash.ts';
import type { LogRecord } from '../record-codec/record.ts';
import type { Rejection } from '../rejection.ts';

/** The shard that a batch is from, and whose events are deduplicated in it. */
export interface BatchFacts {
  readonly stream: string;
  /** Inclusive bounds of the shard's hash keys. */
  readonly from: bigint;
  readonly to: bigint;
  /** Prefixes of the sources that are ours. */
  readonly own: readonly string[];
  /**
   * What the reader is called, `<pipeline>/<step>`, and was called before. Not given: whoever only looks, and takes
   * everybody's events.
   */
  readonly names?: readonly string[];
}

/** One batch of a shard, in order: what is new in it, and the state of the step once that is done. */
export interface Batch {
  readonly events: ReceivedEvent[];
  /** Records and entries that do not decode. */
  readonly rejections: Rejection[];
  /**
   * Moves with every record taken; `state()` is what to commit when all of the batch is done. `to`: a position inside
   * the record, beyond which nothing of it is taken yet.
   */
  take(record: LogRecord, to?: Position): void;
  /** Moves past a record that is not even decoded. */
  refuse(record: LogRecord, rejection: Rejection): void;
  state(): StepState;
  /** Of the events taken so far. */
  readonly counts: {
    alreadySeen: number;
    /** As they came from the stream. */
    bytes: number;
    /** Of the new events' data, decompressed. */
    dataBytes: number;
  };
  readonly arrivalMillis: number;
  /** As they move. */
  readonly marks: readonly MarkRange[];
}

/**
 * An event is left out when the position has passed it, when its source's mark has, or when it hashes outside the
 * shard: it was put into an aggregated record by a writer that did not know of a reshard yet, and that writer appends
 * it again to the right shard. A record that is not aggregated is never checked for its range: nobody can tell which
 * explicit hash key it was put with.
 */
export function openBatch(committed: StepState, facts: BatchFacts): Batch {
  const state = copyState(committed);
  let position = committed.position;
  let arrivalMillis = 0;
  const events: ReceivedEvent[] = [];
  const rejections: Rejection[] = [];
  const counts = { alreadySeen: 0, bytes: 0, dataBytes: 0 };

  /** `passed`: the position when it is inside the record. */
  function takeEntry(
    entry: Decoded['entries'][number],
    { record, aggregated, passed }: { record: LogRecord; aggregated: boolean; passed: Position | undefined },
  ): void {
    if ('rejection' in entry) {
      if (passed === undefined || entry.rejection.at > passed) rejections.push(entry.rejection);
      return;
    }
    const { event, partitionKey, explicitHashKey } = entry;
    const hash = (): bigint => explicitHashKey ?? hashOf(partitionKey);
    if (passed !== undefined && event.position <= passed) counts.alreadySeen++;
    else if (aggregated && !within(hash(), facts)) return;
    else if (isForAnother(event, facts.names)) return;
    else if (isRepeat(event, hash, record)) counts.alreadySeen++;
    else {
      events.push(event);
      counts.dataBytes += event.dataBytes.length;
    }
  }

  const { foreign: committedForeign } = committed;
  const foreign = committedForeign?.marks && moveForeignMarks(committedForeign, committedForeign.marks);
  const own = [...facts.own, ...redriveSources(facts.names ?? [])];
  /** Of the event before: the next one nearly always has its source. */
  let last = { source: '', isOwn: false };

  function isOwn(source: string): boolean {
    if (last.source !== source) last = { source, isOwn: own.some((prefix) => source.startsWith(prefix)) };
    return last.isOwn;
  }

  function isRepeat({ source, sequence }: ReceivedEvent, hash: () => bigint, record: LogRecord): boolean {
    if (sequence === undefined) return false;
    if (!isOwn(source)) {
      const { approximateArrivalMillis: arrivalMillis } = record;
      return foreign?.take({ source, sequence, range: rangeFor(state.marks, hash), arrivalMillis }) === false;
    }
    return !takeMark(state.marks, { source, sequence, hash, arrivalMillis: record.approximateArrivalMillis });
  }

  function moveTo(end: Position, record: LogRecord): void {
    position = end;
    counts.bytes += record.data.length;
    arrivalMillis = Math.max(arrivalMillis, record.approximateArrivalMillis);
  }

  return {
    events,
    rejections,
    counts,
    marks: state.marks,
    get arrivalMillis() {
      return arrivalMillis;
    },
    take(record, to) {
      const end = endOfRecord(record.sequenceNumber);
      if (position !== undefined && end <= position) return;
      const { aggregated, entries } = decodeRecord(record, { name: facts.stream });
      const isBefore = position === undefined || position < positionOf(record.sequenceNumber, 0);
      const from = { record, aggregated, passed: isBefore ? undefined : position };
      for (const entry of entries) {
        if (to !== undefined && positionOfEntry(entry) > to) break;
        takeEntry(entry, from);
      }
      moveTo(to !== undefined && to < end ? to : end, record);
    },
    refuse(record, rejection) {
      rejections.push(rejection);
      moveTo(endOfRecord(record.sequenceNumber), record);
    },
    state() {
      dropPassedMarks(state.marks, arrivalMillis);
      return {
        ...state,
        position,
        ...(foreign === undefined ? {} : { foreign: foreign.state() }),
        ...(arrivalMillis === 0 ? {} : { arrivedMillis: arrivalMillis }),
      };
    },
  };
}

/** Just after it. */
function positionOfEntry(entry: Decoded['entries'][number]): string {
  return 'rejection' in entry ? entry.rejection.at : entry.event.position;
}

function within(hash: bigint, { from, to }: BatchFacts): boolean {
  return hash >= from && hash <= to;
}
