import { z } from 'zod';

/**
 * A measurement. The raw stream accepts any value in its place; the SQL that reads it rejects values of another type.
 */
const measured = z.unknown().optional();

/**
 * What a device sends. Loose on purpose: the raw stream keeps readings as they were sent, and transforms check them.
 */
export const RawReading = z.looseObject({
  sensor_id: z.string().nullable(),
  date: z.iso.date(),
  /** Millimetres. */
  precipitation: measured.meta({ sql: 'numeric not null', examples: [0, 0.3, 4.1, 12] }),
  /** Degrees Celsius. */
  temp_max: measured.meta({ sql: 'numeric not null', examples: [4.4, 12.8, 21.1, 30] }),
  temp_min: measured.meta({ sql: 'numeric not null', examples: [-2.2, 3.9, 9.4, 15] }),
  /** Metres per second. */
  wind: measured.meta({ sql: 'numeric not null', examples: [1.2, 2.8, 4.7] }),
  weather: measured.meta({ sql: 'text not null', examples: ['drizzle', 'fog', 'rain', 'snow', 'sun'] }),
});
