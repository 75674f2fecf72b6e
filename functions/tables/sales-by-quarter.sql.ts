// Compiled from sales-by-quarter.sql by `npm run sql:compile`. Change that file, not this one.
import { z } from 'zod';
import { countOfRows } from '../runtime/sql/aggregates/counts.ts';
import { sumOfDecimals } from '../runtime/sql/aggregates/sums.ts';
import { quotedTimestamptz, writeByte, writeBytes, writeDecimal, writeInteger, writeString, writeText } from '../runtime/sql/json/json-writer.ts';
import { type Decimal, decimalFromText, decimalText } from '../runtime/sql/numbers/decimals.ts';
import { bigintFromText, integerText } from '../runtime/sql/numbers/integers.ts';
import { repeatedTextAt, repeatedTexts } from '../runtime/sql/row/repeated-texts.ts';
import { anyDecimalAt, required } from '../runtime/sql/row/row-values.ts';
import { sqlTable } from '../runtime/sql/sql-table.ts';
import { sameText } from '../runtime/sql/text/text.ts';
import { timestamptzFromText, timestamptzText } from '../runtime/sql/time/timestamps.ts';
import { windowTime } from '../runtime/sql/windows/window.ts';
import { tableHandler } from '../table-state/table-handler.ts';
import { completedSales } from '../transforms/completed-sales.sql.ts';

const accumulator1 = countOfRows;
const accumulator2 = sumOfDecimals;
const bytes1 = Buffer.from('{"region":');
const bytes2 = Buffer.from(',"window_start":');
const bytes3 = Buffer.from(',"window_end":');
const bytes4 = Buffer.from(',"lines":');
const bytes5 = Buffer.from(',"sales":');
const texts1 = repeatedTexts();

/**
 * -- schema: ../transforms/completed-sales.sql.ts#completedSales
 * -- Adds up what each region sells in each quarter of an hour, and gives a quarter once it has closed.
 * CREATE TABLE sales_by_quarter AS
 * SELECT region, window_start, window_end, count(*) AS lines, sum(sales) AS sales
 * FROM sales
 * WINDOW TUMBLING (SIZE 15 MINUTES, GRACE PERIOD 5 MINUTES)
 * GROUP BY region
 * EMIT FINAL
 */
export const salesByQuarter = sqlTable({
  entry: import.meta.url,
  file: 'sales-by-quarter.sql',
  streams: { from: 'sales' },
  from: completedSales.to,
  row: z.object({
    region: completedSales.to.shape.region,
    window_start: z.string().meta({ sql: 'timestamptz' }),
    window_end: z.string().meta({ sql: 'timestamptz' }),
    lines: z.number().meta({ sql: 'bigint' }),
    sales: z.number().meta({ sql: 'numeric' }),
  }),
  key: ['region', 'window_start'],
  shape: 'count(), sum(numeric) (e7631f4fd59c)',
  shown: '19d44d1788b7',
  parts: { 'GROUP BY': 'region', WINDOW: 'TUMBLING (SIZE 900 SECONDS)', aggregates: 'count(*), sum(sales)' },
  isGrowing: false,
  staysWhole: true,
  keyColumns: [[sameText, sameText], [timestamptzText, timestamptzFromText], [timestamptzText, timestamptzFromText]],
  columns: ['region', 'sales'],
  collect: (row, event, take) => {
    const eventTime = timestamptzFromText(event.time);
    const region$ = required(row, 0, repeatedTextAt(row, 0, texts1));
    row.at = '6:1'; const windowTime$ = windowTime(eventTime);
    row.at = '7:10'; const key1 = region$;
    row.at = '4:65'; const input2_1 = required(row, 1, anyDecimalAt(row, 1));
    take(key1, [key1], [input2_1, windowTime$]);
  },
  accumulators: [accumulator1, accumulator2],
  stateTexts: [[[integerText, bigintFromText]], [[decimalText, decimalFromText]]],
  add: (states, inputs, row) => {
    row.at = '4:42'; const state1 = accumulator1.add(states[0] as never);
    row.at = '4:61'; const state2 = accumulator2.add(states[1] as never, inputs[0] as never);
    return [state1, state2];
  },
  window: { kind: 'tumbling', size: 900000000, advance: 900000000, grace: 300000000, retention: 604800000000, emit: 'final' },
  having: (key, results, row) => {
    return true;
  },
  write: ({ key, results }, row, { writer }) => {
    const key1 = key[0] as string;
    const windowStart = key[1] as bigint;
    const windowEnd = key[2] as bigint;
    const result1 = results[0] as bigint;
    const result2 = results[1] as Decimal;
    row.at = '4:8';
    writeBytes(writer, bytes1);
    writeText(writer, key1);
    row.at = '4:16';
    writeBytes(writer, bytes2);
    writeString(writer, quotedTimestamptz(windowStart));
    row.at = '4:30';
    writeBytes(writer, bytes3);
    writeString(writer, quotedTimestamptz(windowEnd));
    row.at = '4:42';
    writeBytes(writer, bytes4);
    writeInteger(writer, result1);
    row.at = '4:61';
    writeBytes(writer, bytes5);
    writeDecimal(writer, result2);
    writeByte(writer, 0x7d);
  },
});

export const handler = tableHandler(salesByQuarter);
