import { z } from 'zod';

/**
 * What a measurement should be; whatever came instead is kept in the raw stream, and refused by the SQL that reads it.
 */
const measured = z.unknown().optional();

/** What a device sends. Loose on purpose: what arrives is kept as it came, and judged behind the log. */
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
