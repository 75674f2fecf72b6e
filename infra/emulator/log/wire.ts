import type { GetRecordsOutput } from '@aws-sdk/client-kinesis';
import { inputShapes, isOperation, type Members, type Shape } from './input-shapes.ts';
import { LogError } from './log-error.ts';

/**
 * Parses an input in AWS JSON 1.1: blobs are base64, times are seconds with a fraction. A value of the wrong type stays
 * as it is, and the log's own checks refuse it.
 */
export function inputFromJson(operation: string, body: string): object {
  const input = parse(body);
  return isOperation(operation) ? membersFromJson(input, inputShapes[operation]) : input;
}

/** Writes an answer in AWS JSON 1.1. An operation without output has an empty body. */
export function outputToJson(operation: string, output: object): string {
  if (operation === 'GetRecords') return getRecordsJson(output as GetRecordsOutput);
  return Object.keys(output).length === 0 ? '' : JSON.stringify(output, secondsForDates);
}

function parse(body: string): object {
  try {
    const input: unknown = body === '' ? {} : JSON.parse(body);
    if (typeof input === 'object' && input !== null && !Array.isArray(input)) return input;
  } catch {
    // Refused below: Kinesis does not say where the body is broken.
  }
  throw new LogError('SerializationException', 'the body is not a JSON object');
}

/** Changes the parsed input in place. */
function membersFromJson(input: object, members: Members): object {
  const values = input as Record<string, unknown>;
  for (const [member, shape] of Object.entries(members)) {
    const value = values[member];
    if (value !== undefined && value !== null) values[member] = valueFromJson(value, shape, member);
  }
  return input;
}

function valueFromJson(value: unknown, shape: Shape, member: string): unknown {
  switch (shape.type) {
    case 'blob':
      return typeof value === 'string' ? blobFromBase64(value, member) : value;
    case 'timestamp':
      return typeof value === 'number' ? new Date(Math.round(value * 1_000)) : value;
    case 'structure':
      return typeof value === 'object' && value !== null ? membersFromJson(value, shape.members) : value;
    case 'list':
      return Array.isArray(value)
        ? value.map((item, index) => valueFromJson(item, shape.of, `${member}.${index + 1}.member`))
        : value;
    default:
      return value;
  }
}

/** Decodes base64. Node skips characters that are not base64, so such a text gives fewer bytes than its length says. */
function blobFromBase64(text: string, member: string): Buffer {
  const bytes = Buffer.from(text, 'base64');
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  if (text.length % 4 !== 0 || bytes.length !== (text.length / 4) * 3 - padding) {
    throw new LogError(
      'SerializationException',
      `${member}: a string of ${text.length} characters that is not base64 can not be converted to a blob`,
    );
  }
  return bytes;
}

function secondsForDates(this: Record<string, unknown>, member: string, value: unknown): unknown {
  const original = this[member];
  return original instanceof Date ? original.getTime() / 1_000 : value;
}

/** Writes an answer of GetRecords. Built from plain values for speed: most of a log's output is this. */
function getRecordsJson({ Records = [], NextShardIterator, ...rest }: GetRecordsOutput): string {
  const records = Records.map((record) => ({
    SequenceNumber: record.SequenceNumber,
    ApproximateArrivalTimestamp: (record.ApproximateArrivalTimestamp?.getTime() ?? 0) / 1_000,
    Data: base64Of(record.Data ?? new Uint8Array()),
    PartitionKey: record.PartitionKey,
  }));
  return JSON.stringify({ Records: records, NextShardIterator: NextShardIterator ?? null, ...rest });
}

function base64Of(data: Uint8Array): string {
  const bytes = Buffer.isBuffer(data) ? data : Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  return bytes.toString('base64');
}
