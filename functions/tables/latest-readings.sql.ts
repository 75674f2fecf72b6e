// Compiled from latest-readings.sql by `npm run sql:compile`. Change that file, not this one.
import { z } from 'zod';
import { firstRow } from '../runtime/sql/aggregates/first-row.ts';
import { dateFromJson } from '../runtime/sql/json/json-columns.ts';
import { dateJson, writeByte, writeBytes, writeDecimal, writeString, writeText } from '../runtime/sql/json/json-writer.ts';
import { type Decimal, decimalFromText, decimalText } from '../runtime/sql/numbers/decimals.ts';
import { compareNumbers } from '../runtime/sql/numbers/integers.ts';
import { repeatedTextAt, repeatedTexts } from '../runtime/sql/row/repeated-texts.ts';
import { decimalAt, required, valueAt } from '../runtime/sql/row/row-values.ts';
import { sqlTable } from '../runtime/sql/sql-table.ts';
import { sameText } from '../runtime/sql/text/text.ts';
import { dateFromText, dateText } from '../runtime/sql/time/dates.ts';
import { tableHandler } from '../table-state/table-handler.ts';
import { cleanReadings } from '../transforms/clean-readings.sql.ts';

const accumulator1 = firstRow([{ index: 0, compare: compareNumbers, isDescending: true, nullsFirst: true }]);
const bytes1 = Buffer.from('{"sensor_id":');
const bytes2 = Buffer.from(',"date":');
const bytes3 = Buffer.from(',"temp_max":');
const bytes4 = Buffer.from(',"temp_min":');
const bytes5 = Buffer.from(',"wind":');
const texts1 = repeatedTexts();

/**
 * -- schema: ../transforms/clean-readings.sql.ts#cleanReadings
 * -- Keeps the latest reading of each sensor.
 * CREATE TABLE latest_readings AS
 * SELECT DISTINCT ON (sensor_id) sensor_id, date, temp_max, temp_min, wind
 * FROM clean
 * ORDER BY sensor_id, date DESC
 */
export const latestReadings = sqlTable({
  entry: import.meta.url,
  file: 'latest-readings.sql',
  streams: { from: 'clean' },
  from: cleanReadings.to,
  row: z.object({
    sensor_id: cleanReadings.to.shape.sensor_id,
    date: cleanReadings.to.shape.date,
    temp_max: z.number().meta({ sql: 'numeric' }),
    temp_min: z.number().meta({ sql: 'numeric' }),
    wind: z.number().meta({ sql: 'numeric' }),
  }),
  key: ['sensor_id'],
  shape: 'the first row in an order (6410f4f6662f)',
  shown: 'c8daaea15196',
  parts: { 'DISTINCT ON': 'sensor_id', 'the row': 'date, temp_max, temp_min, wind', 'ORDER BY': 'date DESC' },
  isGrowing: false,
  staysWhole: false,
  keyColumns: [[sameText, sameText]],
  columns: ['sensor_id', 'date', 'temp_max', 'temp_min', 'wind'],
  collect: (row, event, take) => {
    const sensorId$ = required(row, 0, repeatedTextAt(row, 0, texts1));
    const date$ = required(row, 1, valueAt(row, 1, { type: 'date', read: dateFromJson }));
    const tempMax$ = required(row, 2, decimalAt(row, 2));
    const tempMin$ = required(row, 3, decimalAt(row, 3));
    const wind$ = required(row, 4, decimalAt(row, 4));
    row.at = '4:32'; const key1 = sensorId$;
    row.at = '4:43'; const first1 = date$;
    row.at = '4:49'; const first2 = tempMax$;
    row.at = '4:59'; const first3 = tempMin$;
    row.at = '4:69'; const first4 = wind$;
    take(key1, [key1], [first1, first2, first3, first4]);
  },
  accumulators: [accumulator1],
  stateTexts: [[[dateText, dateFromText], [decimalText, decimalFromText], [decimalText, decimalFromText], [decimalText, decimalFromText]]],
  add: (states, inputs, row) => {
    const state1 = accumulator1.add(states[0] as never, inputs[0] as never, inputs[1] as never, inputs[2] as never, inputs[3] as never);
    return [state1];
  },
  having: (key, results, row) => {
    return true;
  },
  write: ({ key, results }, row, { writer }) => {
    const key1 = key[0] as string;
    const first1 = (results[0] as readonly unknown[])[0] as number;
    const first2 = (results[0] as readonly unknown[])[1] as Decimal;
    const first3 = (results[0] as readonly unknown[])[2] as Decimal;
    const first4 = (results[0] as readonly unknown[])[3] as Decimal;
    row.at = '4:32';
    writeBytes(writer, bytes1);
    writeText(writer, key1);
    row.at = '4:43';
    writeBytes(writer, bytes2);
    writeString(writer, dateJson(first1));
    row.at = '4:49';
    writeBytes(writer, bytes3);
    writeDecimal(writer, first2);
    row.at = '4:59';
    writeBytes(writer, bytes4);
    writeDecimal(writer, first3);
    row.at = '4:69';
    writeBytes(writer, bytes5);
    writeDecimal(writer, first4);
    writeByte(writer, 0x7d);
  },
});

export const handler = tableHandler(latestReadings);
