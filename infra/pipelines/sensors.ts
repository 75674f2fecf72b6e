import { postgresSink } from '../../functions/sinks/postgres/postgres.ts';
import { s3Sink } from '../../functions/sinks/s3/s3.ts';
import { httpSource } from '../../functions/sources/http/http.ts';
import { cleanReadings } from '../../functions/transforms/clean-readings.sql.ts';
import { RawReading } from '../../functions/transforms/readings.ts';
import { definePipeline, minutes } from './pipeline.ts';

/**
 * Receives readings from devices. The raw stream keeps them as they were sent; the cleaned stream serves everyone who
 * needs correct readings.
 */
export const sensors = definePipeline({
  name: 'sensors',
  streams: {
    raw: { schema: RawReading, retentionDays: 7 },
    clean: { schema: cleanReadings.to, shards: 2 },
  },
  sources: {
    devices: {
      read: httpSource({ schema: RawReading, type: 'reading.sent', key: 'sensor_id', time: 'date' }),
      to: 'raw',
    },
  },
  transforms: {
    cleaning: { from: 'raw', apply: cleanReadings, to: 'clean' },
  },
  sinks: {
    archive: { from: 'raw', write: s3Sink({ prefix: 'raw', by: 'month' }), every: minutes(5) },
    lake: { from: 'clean', write: s3Sink({ prefix: 'clean', by: 'month' }), every: minutes(5) },
    readings: { from: 'clean', write: postgresSink({ table: 'readings', key: ['sensor_id', 'date'], create: true }) },
  },
});
