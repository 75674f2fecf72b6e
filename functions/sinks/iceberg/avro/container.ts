import { randomBytes } from 'node:crypto';
import { inflateRawSync, zstdDecompressSync } from 'node:zlib';
import avro from 'avsc';

/** A schema of Avro, as JSON. Attributes that Avro does not know, such as `field-id`, stay in the file. */
export type AvroSchema = Readonly<Record<string, unknown>>;

/** What a file of Avro says and has. Numbers of 64 bits are big integers. */
export interface AvroFile {
  readonly metadata: ReadonlyMap<string, string>;
  readonly schema: AvroSchema;
  readonly records: readonly unknown[];
}

/** Numbers of 64 bits: ids of snapshots use them all, and a number of JavaScript holds 53. */
const LONG = avro.types.LongType.__with({
  fromBuffer: (buffer: Buffer) => buffer.readBigInt64LE(),
  toBuffer(value: bigint) {
    const buffer = Buffer.alloc(8);
    buffer.writeBigInt64LE(value);
    return buffer;
  },
  fromJSON: BigInt,
  toJSON: Number,
  isValid: (value: unknown) => typeof value === 'bigint',
  compare: (one: bigint, other: bigint) => (one < other ? -1 : one > other ? 1 : 0),
});

const HEADER = typeOf({
  type: 'record',
  name: 'header',
  fields: [
    { name: 'magic', type: { type: 'fixed', name: 'magic', size: 4 } },
    { name: 'meta', type: { type: 'map', values: 'bytes' } },
    { name: 'sync', type: { type: 'fixed', name: 'sync', size: 16 } },
  ],
});

interface Header {
  readonly magic: Buffer;
  readonly meta: Readonly<Record<string, Buffer>>;
  readonly sync: Buffer;
}

const BLOCK = typeOf({
  type: 'record',
  name: 'block',
  fields: [
    { name: 'count', type: 'long' },
    { name: 'data', type: 'bytes' },
    { name: 'sync', type: { type: 'fixed', name: 'sync', size: 16 } },
  ],
});

interface Block {
  readonly count: bigint;
  readonly data: Buffer;
  readonly sync: Buffer;
}

const MAGIC = Buffer.from('Obj\u0001');

/** Writes a file of Avro (1.11, "Object Container Files"), in one block, not compressed. */
export function encodeAvro(
  schema: AvroSchema,
  metadata: Readonly<Record<string, string>>,
  records: readonly unknown[],
): Buffer {
  const type = typeOf(schema);
  const sync = randomBytes(16);
  const texts = { ...metadata, 'avro.schema': JSON.stringify(schema), 'avro.codec': 'null' };
  const meta = Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, Buffer.from(text)]));
  const data = Buffer.concat(records.map((record) => type.toBuffer(record)));
  const header = HEADER.toBuffer({ magic: MAGIC, meta, sync });
  if (records.length === 0) return header;
  return Buffer.concat([header, BLOCK.toBuffer({ count: BigInt(records.length), data, sync })]);
}

/** Reads a file of Avro that anybody has written. */
export function decodeAvro(bytes: Buffer): AvroFile {
  if (!bytes.subarray(0, MAGIC.length).equals(MAGIC)) throw new Error('the file is not Avro: it begins otherwise');
  const header = HEADER.decode(bytes, 0) as { readonly value: Header; readonly offset: number };
  const metadata = new Map(Object.entries(header.value.meta).map(([name, value]) => [name, value.toString()]));
  const schema = JSON.parse(metadata.get('avro.schema') ?? '') as AvroSchema;
  const type = typeOf(schema);
  const records: unknown[] = [];
  for (let at = header.offset; at < bytes.length; ) {
    const block = BLOCK.decode(bytes, at) as { readonly value: Block; readonly offset: number };
    if (block.offset < 0) throw new Error('the file of Avro is cut off');
    const data = inflated(block.value.data, metadata.get('avro.codec') ?? 'null');
    let offset = 0;
    for (let n = 0; n < block.value.count; n++) {
      const record = type.decode(data, offset) as { readonly value: unknown; readonly offset: number };
      records.push(record.value);
      offset = record.offset;
    }
    at = block.offset;
  }
  return { metadata, schema, records };
}

function inflated(data: Buffer, codec: string): Buffer {
  switch (codec) {
    case 'null':
      return data;
    case 'deflate':
      return inflateRawSync(data);
    case 'zstandard':
      return zstdDecompressSync(data);
    default:
      throw new Error(`the file of Avro is compressed with ${codec}, which nothing here reads: write it with deflate`);
  }
}

function typeOf(schema: AvroSchema): avro.Type {
  return avro.Type.forSchema(schema as unknown as avro.Schema, {
    registry: { long: LONG } as unknown as Record<string, avro.Type>,
    wrapUnions: 'auto',
  });
}
