import type { RejectionReason } from '../../functions/runtime/errors.ts';

/** An event that a test gives or expects, for when its data alone is not enough. */
export interface GivenEvent<D = unknown> {
  readonly data: D;
  /** By default all events of a call have the same key, so that they stay in their order. */
  readonly key?: string;
  /** RFC 3339; by default the time of the run's clock. */
  readonly time?: string;
  /** `given` by default. */
  readonly type?: string;
  /** The producer's own sequence; none by default. */
  readonly sequence?: string;
}

/** The bytes of one Kinesis record that another team's producer puts. */
export interface GivenRecord {
  readonly bytes: Uint8Array;
  readonly key: string;
}

const marked = new WeakSet<object>();

/** Makes an event: `event({ key: 'a', time: '2026-01-01T00:00:00Z', data: { … } })`. */
export function event<D>(given: GivenEvent<D>): GivenEvent<D> {
  marked.add(given);
  return given;
}

/** Makes a record of any bytes: `record('no json')`. */
export function record(content: string | Uint8Array, key = 'given'): GivenRecord {
  const given = { bytes: Buffer.from(content as string), key };
  marked.add(given);
  return given;
}

/** Expects a transform to reject an event. `message` is a part of the rejection's message, or a pattern for it. */
export function refusal(reason: RejectionReason, message: string | RegExp = ''): Refusal {
  const given = { refused: reason, message };
  marked.add(given);
  return given;
}

export interface Refusal {
  readonly refused: RejectionReason;
  readonly message: string | RegExp;
}

export function isGivenRecord(given: unknown): given is GivenRecord {
  return isMarked(given) && 'bytes' in given;
}

/** Makes an event of data alone. Returns an event as it is. */
export function asGivenEvent(given: unknown): GivenEvent {
  return isMarked(given) ? (given as GivenEvent) : { data: given };
}

export function isMarked(given: unknown): given is object {
  return typeof given === 'object' && given !== null && marked.has(given);
}
