import type { HashRange, ReceivedEvent } from '../event.ts';
import { afterEvent, afterTick, type Clock, lowestWatermark, newClock, type TimeOf, watermarkFor } from './clock.ts';
import type { Tick } from './tick.ts';

/** What time it is while a batch is read: one shard's clock, moved by each event and each tick. */
export interface BatchTime {
  /** The clock after everything taken so far. */
  readonly clock: Clock;
  /** The ticks with which the whole shard got later, in order. A step that passes time on passes these on. */
  readonly passedOn: readonly PassedOn[];
  /** How many of the batch's events came before its last tick. Undefined: it has no tick. */
  readonly eventsBeforeTick: number | undefined;
  /** Returns what time it was when an event of the batch was taken. */
  momentOf(event: ReceivedEvent): Moment;
  takeEvent(event: ReceivedEvent, at: { readonly hash: () => bigint; readonly arrivedMillis: number }): void;
  /** `events` are those that the batch has so far. */
  takeTick(tick: Tick, events: readonly ReceivedEvent[]): void;
}

/** A tick to pass on. */
export interface PassedOn {
  /** How many events of the batch come before it. */
  readonly eventsBefore: number;
  /** The time up to which everything in the shard is complete, in milliseconds since 1970. */
  readonly millis: number;
}

/** What time it was at an event, in milliseconds since 1970. */
export interface Moment {
  /** The watermark just before the event, for the event's key. */
  readonly watermark: number;
  /** When the event's record arrived. */
  readonly arrivedMillis: number;
  /** Computes the hash that decides about the event's shard. */
  readonly hash: () => bigint;
}

/** Begins with the clock that the shard was committed with, or without a time. */
export function openBatchTime(shard: HashRange, time: TimeOf, committed: Clock | undefined): BatchTime {
  const moments = new Map<ReceivedEvent, Moment>();
  const passedOn: PassedOn[] = [];
  let clock = committed ?? newClock(shard);
  let eventsBeforeTick: number | undefined;
  return {
    get clock() {
      return clock;
    },
    passedOn,
    get eventsBeforeTick() {
      return eventsBeforeTick;
    },
    momentOf(event) {
      const moment = moments.get(event);
      if (moment === undefined) throw new Error(`the event ${event.id} is not of this batch`);
      return moment;
    },
    takeEvent(event, { hash, arrivedMillis }) {
      moments.set(event, { watermark: watermarkFor(clock, hash), arrivedMillis, hash });
      const millis = Date.parse(event.time);
      if (!Number.isNaN(millis)) clock = afterEvent(clock, Math.min(millis, arrivedMillis), time);
    },
    takeTick(tick, events) {
      const before = lowestWatermark(clock);
      clock = afterTick(clock, tick, time);
      eventsBeforeTick = events.length;
      const millis = lowestWatermark(clock);
      if (millis > before) passedOn.push({ eventsBefore: events.length, millis });
    },
  };
}
