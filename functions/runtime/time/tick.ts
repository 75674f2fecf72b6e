import { z } from 'zod';
import type { HashRange, OutgoingEvent } from '../event.ts';

/**
 * A tick: an item of the log that only says what time it is. A scheduled function appends one each minute to every
 * shard of a stream that sources write, and transforms pass them on. So time stands in the log, between the events, and
 * every reader of a shard, now or in a replay, finds the same time at the same place.
 *
 * In the log, a tick is a CloudEvent of the type `millrace.tick`, addressed to nobody: its `redrivenfor` is no step's
 * name. Readers that know no ticks therefore drop it, as they drop the redriven events of other steps.
 */
export interface Tick {
  /** In milliseconds since 1970. Every event before the tick, in the range that it is aimed at, came before this. */
  readonly millis: number;
  /** The part of the stream's hash space that it is for. */
  readonly aim: HashRange;
  /** Missing on a tick of the scheduled function, which speaks for everything that its stream's sources write. */
  readonly from?: PassedFrom;
}

/** Where a tick that was passed on comes from. */
export interface PassedFrom extends HashRange {
  /** The step that passed it on, `<pipeline>/<step>`. `from` and `to` are those of the shard that the step read. */
  readonly step: string;
}

export const WHOLE_SPACE: HashRange = { from: 0n, to: (1n << 128n) - 1n };

/** The recipient of a tick. No step has such a name, because no pipeline's name is empty. */
export const TICK_FOR = '/tick';

const TICK_TYPE = 'millrace.tick';

const Hash = z.string().regex(/^[0-9a-f]{1,32}$/);
const TickData = z.object({
  aim: z.tuple([Hash, Hash]),
  from: z.tuple([z.string(), Hash, Hash]).optional(),
});

/** Reads an event that is addressed as a tick is. Undefined: it is none. */
export function tickOf({ time, data }: { readonly time: string; readonly data: unknown }): Tick | undefined {
  const parsed = TickData.safeParse(data);
  const millis = Date.parse(time);
  if (!parsed.success || Number.isNaN(millis)) return undefined;
  const { aim, from } = parsed.data;
  if (from === undefined) return { millis, aim: rangeOf(aim[0], aim[1]) };
  const [step, ...range] = from;
  return { millis, aim: rangeOf(aim[0], aim[1]), from: { step, ...rangeOf(range[0], range[1]) } };
}

/** Makes a tick to append to every shard of a stream. `source` names who appends it. */
export function tickEverywhere(source: string, { millis, from }: Pick<Tick, 'millis' | 'from'>): OutgoingEvent {
  const time = new Date(millis).toISOString();
  const passed = from === undefined ? {} : { from: [from.step, from.from.toString(16), from.to.toString(16)] };
  return {
    id: time,
    source,
    type: TICK_TYPE,
    time,
    key: 'tick',
    sequence: undefined,
    traceparent: undefined,
    redrivenFor: TICK_FOR,
    everywhere: true,
    dataBytes: Buffer.from(JSON.stringify(passed)),
  };
}

/** Aims an event that goes everywhere at the range of one shard. A tick says so in its data. */
export function aimedAt(event: OutgoingEvent, { from, to }: HashRange): OutgoingEvent {
  if (event.redrivenFor !== TICK_FOR) return { ...event, aim: { from, to } };
  const data = JSON.parse(Buffer.from(event.dataBytes).toString()) as object;
  const aimed = JSON.stringify({ ...data, aim: [from.toString(16), to.toString(16)] });
  return { ...event, dataBytes: Buffer.from(aimed) };
}

function rangeOf(from: string, to: string): HashRange {
  return { from: BigInt(`0x${from}`), to: BigInt(`0x${to}`) };
}
