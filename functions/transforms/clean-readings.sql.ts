// Compiled from clean-readings.sql by `npm run sql:compile`. Change that file, not this one.
import { z } from 'zod';
import { writeByte } from '../runtime/sql/json/json-writer.ts';
import { type Row } from '../runtime/sql/row/row.ts';
import { copied, copyColumns } from '../runtime/sql/row/row-copy.ts';
import { textAt } from '../runtime/sql/row/row-values.ts';
import { type EventAttributes, type Target, checkedKey, sqlTransform } from '../runtime/sql/sql-transform.ts';
import { transformHandler } from '../runtime/transform-handler.ts';
import { RawReading } from './readings.ts';

const columns1 = [
  copied(0, 'sensor_id', { type: 'text', nullable: true }),
  copied(1, 'date', { type: 'date', nullable: false }),
  copied(2, 'precipitation', { type: 'numeric', nullable: false }),
  copied(3, 'temp_max', { type: 'numeric', nullable: false }),
  copied(4, 'temp_min', { type: 'numeric', nullable: false }),
  copied(5, 'wind', { type: 'numeric', nullable: false }),
  copied(6, 'weather', { type: 'text', nullable: false }),
];

/**
 * -- schema: ./readings.ts#RawReading
 * -- Drops readings without a sensor id. Rejects readings with a missing or invalid value, such as "n/a" for a number.
 * CREATE STREAM clean AS
 * SELECT sensor_id, date, precipitation, temp_max, temp_min, wind, weather
 * FROM raw
 * WHERE sensor_id IS NOT NULL
 * PARTITION BY sensor_id
 */
export const cleanReadings = sqlTransform({
  entry: import.meta.url,
  file: 'clean-readings.sql',
  streams: { from: 'raw', to: 'clean' },
  from: RawReading,
  to: z.object({
    sensor_id: RawReading.shape.sensor_id.unwrap(),
    date: RawReading.shape.date,
    precipitation: z.number().meta({ sql: 'numeric' }),
    temp_max: z.number().meta({ sql: 'numeric' }),
    temp_min: z.number().meta({ sql: 'numeric' }),
    wind: z.number().meta({ sql: 'numeric' }),
    weather: z.string(),
  }),
  columns: ['sensor_id', 'date', 'precipitation', 'temp_max', 'temp_min', 'wind', 'weather'],
  whereReads: 1,
  where: (row: Row, event: EventAttributes) => {
    const sensorId$ = textAt(row, 0);
    return (sensorId$ !== null);
  },
  select: (row: Row, event: EventAttributes, target: Target) => {
    const { writer } = target;
    const sensorId$ = textAt(row, 0);
    writeByte(writer, 0x7b);
    copyColumns(writer, row, columns1);
    writeByte(writer, 0x7d);
    row.at = '7:14';
    target.emit(checkedKey(sensorId$));
  },
});

export const handler = transformHandler(cleanReadings);
