import type { OutgoingEvent } from '../event.ts';
import { RECORD_OVERHEAD_BYTES } from '../log/put-records.ts';
import type { PackedEvents, PackedRun } from '../log/shard-queues.ts';
import { encodeOrdered } from '../position.ts';
import { newAggregate } from '../record-codec/aggregate.ts';
import { compress } from '../record-codec/compress.ts';
import { decodeRecord } from '../record-codec/decode.ts';
import type { Publication } from '../sink.ts';
import { TICK_FOR } from '../time/tick.ts';

/**
 * A page: the finished events that a step publishes of one slice, with their sources and sequences. The transaction
 * that moves the position stores the page, and the events are appended after its commit. So whichever process appends
 * a page appends the same events under the same names, and readers drop what they have had. Events that were made
 * again could differ: a slice that is cut otherwise has other changes.
 */
export type Page = readonly OutgoingEvent[];

/** Names the events of a slice: a step's revisions of a shard only grow, so the sequences of a source do. */
export function finished(
  events: readonly Publication[],
  {
    source,
    revision,
    dataSchema,
  }: { readonly source: string; readonly revision: number } & Pick<OutgoingEvent, 'dataSchema'>,
): Page {
  const ofRevision = encodeOrdered(revision, REVISION_WIDTH);
  return events.map(({ type, key, time, traceparent, dataBytes, everywhere }, index) => {
    if (everywhere) return tick({ id: time, source, type, time, key, traceparent, dataBytes });
    const sequence = ofRevision + encodeOrdered(index, INDEX_WIDTH);
    return { id: sequence, source, type, time, key, sequence, traceparent, dataSchema, dataBytes };
  });
}

/** A tick has no place in the order of its source: appended again it changes nothing. */
function tick(event: Omit<OutgoingEvent, 'sequence'>): OutgoingEvent {
  return { ...event, sequence: undefined, redrivenFor: TICK_FOR, everywhere: true };
}

const REVISION_WIDTH = 8;
const INDEX_WIDTH = 4;

/** A page as it is stored. */
export interface EncodedPage {
  readonly bytes: Uint8Array;
  /** Its records that can go into the log as they are, if that has one shard. */
  readonly packed: PackedEvents;
  /** How many bytes its events have before the compression. */
  readonly size: number;
}

/** The bytes of a record before the compression, as far as its events let it: a stream's own limit, if none is set. */
const RECORD_BYTES = 1024 * 1024 - RECORD_OVERHEAD_BYTES;

/** Encodes a page as compressed records, each in the format of a record of the log. Undefined: it has no events. */
export function encodePage(page: Page): EncodedPage | undefined {
  if (page.length === 0) return undefined;
  const parts: Uint8Array[] = [];
  const packed = new Map<number, PackedRun>();
  let size = 0;
  for (let next = 0; next < page.length; ) {
    const { record, isReady } = recordFrom(page, next);
    const length = Buffer.alloc(4);
    length.writeUInt32BE(record.data.length);
    parts.push(length, record.data);
    size += record.bytes;
    if (isReady) packed.set(next, record);
    next = record.end;
  }
  return { bytes: Buffer.concat(parts), packed, size };
}

/**
 * Makes the record that begins with an event: of as many as fit, or of that one alone. With a tick, it cannot go into
 * the log as it is.
 */
function recordFrom(page: Page, first: number): { readonly record: PackedRun; readonly isReady: boolean } {
  let aggregate = newAggregate({ maxBytes: RECORD_BYTES });
  let isReady = true;
  let end = first;
  for (let event = page[end]; event !== undefined; event = page[++end]) {
    if (!aggregate.addEvent(event)) break;
    isReady &&= event.everywhere !== true;
  }
  const alone = page[first];
  if (end === first && alone !== undefined) {
    aggregate = newAggregate({ maxBytes: Number.POSITIVE_INFINITY });
    aggregate.addEvent(alone);
    end++;
  }
  const bytes = aggregate.finish();
  return { record: { end, data: compress(bytes), bytes: bytes.length }, isReady };
}

export function decodePage(bytes: Uint8Array): Page {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const page: OutgoingEvent[] = [];
  for (let at = 0; at < buffer.length; ) {
    const end = at + 4 + buffer.readUInt32BE(at);
    const data = buffer.subarray(at + 4, end);
    const record = { sequenceNumber: '0', partitionKey: '', data, approximateArrivalMillis: 0 };
    for (const entry of decodeRecord(record, { name: 'outbox' }).entries) {
      if ('rejection' in entry) throw new Error(`a page of events is damaged: ${entry.rejection.message}`);
      const { id, source, type, time, key, sequence, traceparent, dataBytes, redrivenFor } = entry.event;
      const event = { id, source, type, time, key, sequence, traceparent, dataBytes };
      // A tick of a page is not aimed yet, so it is read as an event.
      page.push(redrivenFor === TICK_FOR ? tick(event) : { ...event, encoded: entry.event.original });
    }
    at = end;
  }
  return page;
}
