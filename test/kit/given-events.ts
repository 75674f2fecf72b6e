import type { RejectionReason } from '../../functions/runtime/errors.ts';

/** An event that a test gives, or expects, where its data alone does not say enough. */
export interface GivenEvent<D = unknown> {
  readonly data: D;
  /** The same for all events of a call when not given: so they stay in their order. */
  readonly key?: string;
  /** RFC 3339; the time of the run's clock when not given. */
  readonly time?: string;
  /** `given` when not given. */
  readonly type?: string;
  /** Of its producer's own counting; none when not given. */
  readonly sequence?: string;
}

/** Bytes that a foreign producer puts: one Kinesis record, as it is. */
export interface GivenRecord {
  readonly bytes: Uint8Array;
  readonly key: string;
}

const marked = new WeakSet<object>();

/** `event({ key: 'a', time: '2026-01-01T00:00:00Z', data: { … } })` */
export function event<D>(given: GivenEvent<D>): GivenEvent<D> {
  marked.add(given);
  return given;
}

/** A record that may be anything: `record('no json')`. */
export function record(content: string | Uint8Array, key = 'given'): GivenRecord {
  const given = { bytes: Buffer.from(content as string), key };
  marked.add(given);
  return given;
}

/** In what is expected of a transform: an event that it refuses. `message`: a part of it, or what it matches. */
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

/** Data alone stands for an event with that data. */
export function asGivenEvent(given: unknown): GivenEvent {
  return isMarked(given) ? (given as GivenEvent) : { data: given };
}

export function isMarked(given: unknown): given is object {
  return typeof given === 'object' && given !== null && marked.has(given);
}
