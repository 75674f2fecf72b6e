import { createHash } from 'node:crypto';
import type { ReceivedEvent } from '../../../../functions/runtime/event.ts';
import { newAggregate } from '../../../../functions/runtime/record-codec/aggregate.ts';
import { type DecodedEntry, decodeRecord } from '../../../../functions/runtime/record-codec/decode.ts';
import type { LogRecord } from '../../../../functions/runtime/record-codec/record.ts';

export const SEQUENCE_NUMBER = '49590338271490256608559692538361571095921575989136588898';
export const ARRIVAL_MILLIS = Date.UTC(2026, 0, 31, 12, 30);
export const STREAM = { name: 'orders' };

export function recordOf(data: Uint8Array | string): LogRecord {
  return {
    sequenceNumber: SEQUENCE_NUMBER,
    partitionKey: 'put-key',
    data: typeof data === 'string' ? Buffer.from(data) : data,
    approximateArrivalMillis: ARRIVAL_MILLIS,
  };
}

export function decode(data: Uint8Array | string) {
  return decodeRecord(recordOf(data), STREAM);
}

/** Decodes a record that is not aggregated to its one entry. */
export function decodeOne(data: Uint8Array | string): DecodedEntry {
  const { entries } = decode(data);
  if (entries.length !== 1) throw new Error(`${entries.length} entries, not one`);
  return entries[0]!;
}

/** Returns all properties of an event as plain values, with bytes as text. */
export function told(event: ReceivedEvent) {
  const { id, source, type, time, key, sequence, traceparent, xid, commitLsn, redrivenFor, data, position } = event;
  const texts = {
    bytes: Buffer.from(event.bytes).toString(),
    dataBytes: Buffer.from(event.dataBytes).toString(),
    original: Buffer.from(event.original).toString(),
  };
  const attributes = { id, source, type, time, key, sequence, traceparent, xid, commitLsn, redrivenFor };
  return { ...attributes, data, position, ...texts };
}

/** Returns the same for an entry, or why it was rejected. */
export function outcome(entry: DecodedEntry) {
  return 'event' in entry ? told(entry.event) : `${entry.rejection.reason}: ${entry.rejection.message}`;
}

export function aggregateOf(events: readonly (readonly [partitionKey: string, bytes: Uint8Array | string])[]): Buffer {
  const aggregate = newAggregate({ maxBytes: Number.POSITIVE_INFINITY });
  for (const [partitionKey, bytes] of events) aggregate.add(partitionKey, Buffer.from(bytes));
  return aggregate.finish();
}

/** Makes a record that looks like an aggregate and has a valid MD5, whatever its message is. */
export function sealed(message: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from('f3899ac2', 'hex'), message, createHash('md5').update(message).digest()]);
}
