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
  precipitation: measured.meta({ sql: 'numeric not null' }),
  /** Degrees Celsius. */
  temp_max: measured.meta({ sql: 'numeric not null' }),
  temp_min: measured.meta({ sql: 'numeric not null' }),
  /** Metres per second. */
  wind: measured.meta({ sql: 'numeric not null' }),
  weather: measured.meta({ sql: 'text not null' }),
});
