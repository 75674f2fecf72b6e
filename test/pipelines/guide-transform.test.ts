import { test } from 'vitest';
import { cleanReadings } from '../../functions/transforms/clean-readings.sql.ts';
import { given } from '../kit/given.ts';
import { event, refusal } from '../kit/given-events.ts';

const reading = {
  sensor_id: 'a',
  date: '2026-01-01',
  precipitation: 0,
  temp_max: 9,
  temp_min: 1,
  wind: 3,
  weather: 'sun',
};

test('drops readings without a sensor and rejects incomplete ones', () => {
  given(cleanReadings, [reading, { ...reading, sensor_id: null }, { sensor_id: 'b', date: '2026-01-01' }]).gives([
    event({ key: 'a', data: reading }),
    refusal('schema', 'precipitation'),
  ]);
});
