import { isDeepStrictEqual } from 'node:util';
import { EventRejected, type RejectionReason } from '../../functions/runtime/errors.ts';
import type { OutgoingEvent } from '../../functions/runtime/event.ts';
import { decodeRecord } from '../../functions/runtime/record-codec/decode.ts';
import { encodeEvent } from '../../functions/runtime/record-codec/encode.ts';
import type { Transform } from '../../functions/runtime/transform.ts';
import { virtualClock } from '../../infra/emulator/clock.ts';
import { seededRandom } from '../infra/emulator/mapping/seeded-random.ts';
import { asGivenEvent, type GivenEvent } from './given-events.ts';
import { takeOverNode } from './node-inside.ts';
import { type SimulatedProcess, startProcess } from './simulated-process.ts';

/** An event that a transform made. */
export interface MadeEvent {
  readonly type: string;
  readonly key: string;
  readonly time: string;
  readonly data: unknown;
}

/** An event that a transform rejected. In a pipeline it becomes a dead letter. */
export interface RefusedEvent {
  readonly refused: RejectionReason;
  readonly message: string;
}

/**
 * Runs a transform over events as the engine does, and returns the results in order: each event is decoded from a
 * record of the log, checked and transformed, and its outputs are checked. Every event is transformed twice. Throws
 * when the results differ, because then the transform is not pure.
 */
export function transformed<W>(
  transform: Transform<W>,
  given: readonly (W | GivenEvent)[],
): readonly (MadeEvent | RefusedEvent)[] {
  const processes = twoProcesses();
  return given.flatMap((one, index) => {
    const event = asGivenEvent(one);
    const [first, second] = processes.map((process) => process.run(() => run(transform, event, index)));
    if (!isDeepStrictEqual(first, second))
      throw new Error(
        `the transform is not pure: event ${index} gave ${JSON.stringify(first)} and then ${JSON.stringify(second)}; ` +
          'derive times and random values from the event',
      );
    return first ?? [];
  });
}

/** Starts two processes that differ in their time and their random numbers. */
function twoProcesses(): readonly SimulatedProcess[] {
  takeOverNode();
  return [2026, 2030].map((year) =>
    startProcess({
      step: 'given',
      clock: virtualClock({ startMillis: Date.UTC(year) }),
      random: seededRandom(year),
      send: () => Promise.reject(new Error('a transform cannot call a service')),
    }),
  );
}

function run(
  transform: Pick<Transform, 'run'>,
  { data, ...given }: GivenEvent,
  index: number,
): readonly (MadeEvent | RefusedEvent)[] {
  const event: OutgoingEvent = {
    id: `given-${index}`,
    source: '/given',
    type: 'given',
    time: '2026-01-01T00:00:00Z',
    key: 'given',
    sequence: undefined,
    traceparent: undefined,
    ...given,
    dataBytes: Buffer.from(JSON.stringify(data)),
  };
  const record = {
    sequenceNumber: '1',
    partitionKey: event.key,
    data: encodeEvent(event),
    approximateArrivalMillis: 0,
  };
  const [entry] = decodeRecord(record, { name: 'given' }).entries;
  if (entry === undefined || 'rejection' in entry)
    throw new Error(`event ${index} cannot be decoded: ${entry?.rejection.message}`);
  try {
    return transform.run(entry.event).map(({ type, key, time, dataBytes }) => ({
      type,
      key,
      time,
      data: JSON.parse(Buffer.from(dataBytes).toString()) as unknown,
    }));
  } catch (error) {
    if (!(error instanceof EventRejected)) throw error;
    return [{ refused: error.reason, message: error.message }];
  }
}
