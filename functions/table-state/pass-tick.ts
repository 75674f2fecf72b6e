import type { Publication, SliceTime } from '../runtime/sink.ts';
import { tickEverywhere } from '../runtime/time/tick.ts';

/**
 * Returns the tick that a step passes on behind what it publishes of a slice: it speaks for the shard that the step
 * reads. None when the slice has not moved the time of the whole shard on.
 */
export function passedTick(
  step: string,
  time: SliceTime | undefined,
  millis: number | undefined,
): readonly Publication[] {
  const [first, last] = [time?.clock[0], time?.clock.at(-1)];
  if (millis === undefined || first === undefined || last === undefined) return [];
  return [tickEverywhere(`/${step}`, { millis, from: { step, from: first.from, to: last.to } })];
}
