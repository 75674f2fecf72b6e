import { z } from 'zod';
import { defineTransform } from '../runtime/transform.ts';
import { transformHandler } from '../runtime/transform-handler.ts';

/** What a device sends. Loose on purpose: what arrives is kept as it came, and judged behind the log. */
export const RawReading = z.looseObject({ sensor_id: z.string().nullable(), date: z.iso.date() });

/** A day's weather at one sensor. Degrees Celsius, millimetres, metres per second. */
export const Reading = z.object({
  sensor_id: z.string(),
  date: z.iso.date(),
  precipitation: z.number(),
  temp_max: z.number(),
  temp_min: z.number(),
  wind: z.number(),
  weather: z.string(),
});

/** Drops readings that no sensor sent; one whose values are not what they should be is refused. */
export const cleanReadings = defineTransform({
  entry: import.meta.url,
  from: RawReading,
  to: Reading,
  apply: ({ data: reading }) =>
    reading.sensor_id === null
      ? []
      : [{ type: 'reading.cleaned', key: reading.sensor_id, data: Reading.parse(reading) }],
});

export const handler = transformHandler(cleanReadings);
