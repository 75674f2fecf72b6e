import type { KinesisStreamEvent } from 'aws-lambda';
import type { OutgoingEvent, ReceivedEvent } from '../../functions/runtime/event.ts';
import { openLogWriter } from '../../functions/runtime/log/log-writer.ts';
import { encodeOrdered } from '../../functions/runtime/position.ts';
import { decodeRecord } from '../../functions/runtime/record-codec/decode.ts';
import { toLogRecord } from '../../functions/runtime/record-codec/record.ts';
import type { StepSurroundings } from '../../functions/runtime/step.ts';
import { invocation, type Target } from './in-memory.ts';

/** An event of an upstream step, as a benchmark gives it. */
export interface GivenEvent {
  readonly key: string;
  readonly type: string;
  readonly data: unknown;
}

/** The source of given events. */
export const BEFORE = '/bench/before/';

const AT_ONCE = 50_000;

/** Appends events to a stream as an upstream step does, compressed. */
export async function appendGiven(
  { kinesis }: Target,
  stream: string,
  given: { readonly first: number; readonly count: number; readonly make: (index: number) => GivenEvent },
): Promise<void> {
  const { first, count, make } = given;
  const writer = openLogWriter({ kinesis, stream, compression: 'zstd' });
  for (let from = first; from < first + count; from += AT_ONCE) {
    const length = Math.min(AT_ONCE, first + count - from);
    const events = Array.from({ length }, (_, i): OutgoingEvent => {
      const { key, type, data } = make(from + i);
      const sequence = encodeOrdered(from + i, 39);
      const dataBytes = Buffer.from(JSON.stringify(data));
      const rest = { time: '2026-01-01T00:00:00Z', traceparent: undefined, dataBytes };
      return { id: sequence, source: `${BEFORE}${stream}/shardId-000000000000/1`, sequence, type, key, ...rest };
    });
    await writer.append(events, AbortSignal.timeout(600_000));
  }
}

/** Lambda delivers at most 6 MB in a batch, with the records in base64. */
const MOST_BATCH_BYTES = 6_000_000;

/** Returns a function that resolves to the batches of the records that came into a stream since its last call. */
export function unread(target: Target, stream: string): () => Promise<readonly KinesisStreamEvent[]> {
  let taken = 0;
  return async () => {
    const records = (await target.batches(stream, 1)).slice(taken).flatMap(({ Records }) => Records);
    taken += records.length;
    const batches: KinesisStreamEvent['Records'][] = [];
    let bytes = MOST_BATCH_BYTES;
    for (const record of records) {
      bytes += record.kinesis.data.length;
      if (bytes > MOST_BATCH_BYTES) {
        batches.push([]);
        bytes = record.kinesis.data.length;
      }
      batches.at(-1)?.push(record);
    }
    return batches.map((Records) => ({ Records }));
  };
}

/** Returns the events of some batches. */
export function eventsIn(batches: readonly KinesisStreamEvent[]): readonly ReceivedEvent[] {
  return batches.flatMap(({ Records }) =>
    Records.flatMap((record) =>
      decodeRecord(toLogRecord(record), { name: 'bench' }).entries.flatMap((entry) =>
        'event' in entry ? [entry.event] : [],
      ),
    ),
  );
}

type Handler = (event: KinesisStreamEvent, given: typeof invocation) => Promise<unknown>;

/** Gives batches to a handler. Throws when it does not process one of them. */
export async function deliver(handler: Handler, batches: readonly KinesisStreamEvent[]): Promise<void> {
  for (const batch of batches) {
    const { batchItemFailures = [] } = (await handler(batch, invocation)) as { batchItemFailures?: readonly unknown[] };
    if (batchItemFailures.length > 0) throw new Error('a batch failed');
  }
}

/** Returns the surroundings of a step with options and resources, whose output is compressed. */
export function surroundingsOf(
  target: Target,
  step: string,
  of: { readonly input: string; readonly output: string; readonly options?: unknown; readonly resources?: unknown },
): StepSurroundings {
  const { input, output, options = {}, resources = {} } = of;
  const surroundings = target.surroundingsOf(step, { input, output });
  const config = {
    ...surroundings.config,
    output: { stream: output, compression: 'zstd' as const },
    options,
    resources,
  };
  return { ...surroundings, config };
}
