import { covers } from '../../functions/runtime/log/shards.ts';
import type { Position } from '../../functions/runtime/position.ts';
import { hashOf } from '../../functions/runtime/record-codec/hash.ts';
import type { ReadUpTo } from '../kit/tables.ts';
import type { LogItem } from '../kit/views.ts';

/** What time it is at each place of a log, key by key: the watermark of its readers, worked out from the log alone. */
export interface LogTime {
  /** Returns what time it was for an event's key just before the event, and when its record arrived. */
  at(id: string): { readonly watermark: number; readonly arrivedMillis: number };
  /** Returns the keys whose events are in a shard, by their indices. */
  keysOf(shard: string): readonly number[];
  /** Returns what time it is for each key once a reader has read up to these places, one after the other. */
  after(places: readonly ReadUpTo[]): readonly (readonly number[])[];
}

interface Step {
  readonly shard: string;
  readonly at: Position;
  readonly watermark: number;
}

export function logTime(log: readonly LogItem[], keys: readonly string[]): LogTime {
  const moments = new Map<string, { readonly watermark: number; readonly arrivedMillis: number }>();
  const steps = keys.map((key) => {
    const hash = hashOf(key);
    let watermark = Number.NEGATIVE_INFINITY;
    return log
      .filter(({ shard }) => covers(shard, hash))
      .map(({ shard, at, arrivedMillis, event, tick }): Step => {
        if (event?.key === key) moments.set(event.id, { watermark, arrivedMillis });
        if (event !== undefined) watermark = Math.max(watermark, Math.min(Date.parse(event.time), arrivedMillis));
        if (tick !== undefined && covers(tick.aim, hash)) watermark = Math.max(watermark, tick.millis);
        return { shard: shard.id, at, watermark };
      });
  });
  return {
    at(id) {
      const moment = moments.get(id);
      if (moment === undefined) throw new Error(`the log has no event ${id}`);
      return moment;
    },
    keysOf: (shard) => steps.flatMap((ofKey, key) => (ofKey.some((step) => isOf(step, shard)) ? [key] : [])),
    after(places) {
      const now = keys.map(() => Number.NEGATIVE_INFINITY);
      return places.map(({ shard, position }) => {
        for (const [index, ofKey] of steps.entries()) {
          const read = ofKey.findLast((step) => isOf(step, shard) && position !== undefined && step.at <= position);
          now[index] = Math.max(now[index] ?? Number.NEGATIVE_INFINITY, read?.watermark ?? Number.NEGATIVE_INFINITY);
        }
        return [...now];
      });
    },
  };
}

/** The key of a shard's progress ends with the shard's id. */
function isOf(step: Step, shard: string): boolean {
  return shard.endsWith(`/${step.shard}`);
}
