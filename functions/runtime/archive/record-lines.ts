import { z } from 'zod';
import { isCompressed } from '../record-codec/compress.ts';
import type { LogRecord } from '../record-codec/record.ts';
import type { SlicedShard } from '../sink.ts';

/**
 * The lines of a file of an archive: first one for the shard, then one for each record. Hashes are hexadecimal, times
 * RFC 3339. `latin1` has the bytes of a record as characters from U+0000 to U+00FF, so that what is text stays legible
 * and compresses well; a record that is compressed already has `base64`.
 */
const ShardLine = z.object({ shard: z.string(), from: z.string(), to: z.string(), parents: z.array(z.string()) });

const RecordLine = z.object({
  sequenceNumber: z.string().regex(/^\d+$/),
  arrived: z.iso.datetime(),
  partitionKey: z.string(),
  latin1: z.string().optional(),
  base64: z.string().optional(),
});

/** Makes the first line of a file, without the line feed. */
export function lineOfShard({ id, from, to, parents }: SlicedShard): Uint8Array {
  const line: z.input<typeof ShardLine> = {
    shard: id,
    from: from.toString(16),
    to: to.toString(16),
    parents: [...parents],
  };
  return Buffer.from(JSON.stringify(line));
}

export function readLineOfShard(line: Uint8Array): SlicedShard {
  const { shard: id, from, to, parents } = ShardLine.parse(JSON.parse(Buffer.from(line).toString()));
  return { id, from: BigInt(`0x${from}`), to: BigInt(`0x${to}`), parents };
}

/** Makes the line of a record, without the line feed. */
export function lineOfRecord({ sequenceNumber, partitionKey, data, approximateArrivalMillis }: LogRecord): Uint8Array {
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.length);
  const line: z.input<typeof RecordLine> = {
    sequenceNumber,
    arrived: new Date(approximateArrivalMillis).toISOString(),
    partitionKey,
    ...(isCompressed(bytes, 0) ? { base64: bytes.toString('base64') } : { latin1: bytes.toString('latin1') }),
  };
  return Buffer.from(JSON.stringify(line));
}

export function readLineOfRecord(line: Uint8Array): LogRecord {
  const { sequenceNumber, arrived, partitionKey, latin1, base64 } = RecordLine.parse(
    JSON.parse(Buffer.from(line).toString()),
  );
  return {
    sequenceNumber,
    partitionKey,
    data: base64 === undefined ? Buffer.from(latin1 ?? '', 'latin1') : Buffer.from(base64, 'base64'),
    approximateArrivalMillis: Date.parse(arrived),
  };
}
