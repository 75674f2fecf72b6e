// Compiled from sales-by-region.sql by `npm run sql:compile`. Change that file, not this one.
import { z } from 'zod';
import { countOfRows } from '../runtime/sql/aggregates/counts.ts';
import { greatestDecimal } from '../runtime/sql/aggregates/extremes.ts';
import { joinedIdentity } from '../runtime/sql/aggregates/identity.ts';
import { averageOfDecimals, sumOfDecimals } from '../runtime/sql/aggregates/sums.ts';
import { writeByte, writeBytes, writeDecimal, writeInteger, writeText } from '../runtime/sql/json/json-writer.ts';
import { roundDecimal } from '../runtime/sql/numbers/decimal-functions.ts';
import { type Decimal, decimalFromText, decimalText } from '../runtime/sql/numbers/decimals.ts';
import { bigintFromText, integerText } from '../runtime/sql/numbers/integers.ts';
import { repeatedTextAt, repeatedTexts } from '../runtime/sql/row/repeated-texts.ts';
import { anyDecimalAt, required } from '../runtime/sql/row/row-values.ts';
import { sqlTable } from '../runtime/sql/sql-table.ts';
import { sameText } from '../runtime/sql/text/text.ts';
import { tableHandler } from '../table-state/table-handler.ts';
import { completedSales } from '../transforms/completed-sales.sql.ts';

const accumulator1 = countOfRows;
const accumulator2 = sumOfDecimals;
const accumulator3 = averageOfDecimals;
const accumulator4 = greatestDecimal;
const bytes1 = Buffer.from('{"region":');
const bytes2 = Buffer.from(',"category":');
const bytes3 = Buffer.from(',"lines":');
const bytes4 = Buffer.from(',"sales":');
const bytes5 = Buffer.from(',"mean_profit":');
const bytes6 = Buffer.from(',"largest":');
const texts1 = repeatedTexts();

/**
 * -- schema: ../transforms/completed-sales.sql.ts#completedSales
 * -- Adds up what each region sells, by category.
 * CREATE TABLE sales_by_region AS
 * SELECT region, category, count(*) AS lines, sum(sales) AS sales,
 *        round(avg(profit), 2) AS mean_profit, max(sales) AS largest
 * FROM sales
 * GROUP BY region, category
 */
export const salesByRegion = sqlTable({
  entry: import.meta.url,
  file: 'sales-by-region.sql',
  streams: { from: 'sales' },
  from: completedSales.to,
  row: z.object({
    region: completedSales.to.shape.region,
    category: completedSales.to.shape.category,
    lines: z.number().meta({ sql: 'bigint' }),
    sales: z.number().meta({ sql: 'numeric' }),
    mean_profit: z.number().meta({ sql: 'numeric' }),
    largest: z.number().meta({ sql: 'numeric' }),
  }),
  key: ['region', 'category'],
  shape: 'count(), sum(numeric), avg(numeric), max(numeric) (fd844fe21b57)',
  shown: '10d03b8a65f8',
  parts: { 'GROUP BY': 'region, category', aggregates: 'count(*), sum(sales), avg(profit), max(sales)' },
  isGrowing: false,
  staysWhole: true,
  keyColumns: [[sameText, sameText], [sameText, sameText]],
  columns: ['region', 'category', 'sales', 'profit'],
  collect: (row, event, take) => {
    const region$ = required(row, 0, repeatedTextAt(row, 0, texts1));
    const category$ = required(row, 1, repeatedTextAt(row, 1, texts1));
    row.at = '7:10'; const key1 = region$;
    row.at = '7:18'; const key2 = category$;
    row.at = '4:49'; const input2_1 = required(row, 2, anyDecimalAt(row, 2));
    row.at = '5:18'; const input3_1 = required(row, 3, anyDecimalAt(row, 3));
    row.at = '5:50'; const input4_1 = required(row, 2, anyDecimalAt(row, 2));
    take(joinedIdentity([key1, key2]), [key1, key2], [input2_1, input3_1, input4_1]);
  },
  accumulators: [accumulator1, accumulator2, accumulator3, accumulator4],
  stateTexts: [[[integerText, bigintFromText]], [[decimalText, decimalFromText]], [[integerText, bigintFromText], [decimalText, decimalFromText]], [[decimalText, decimalFromText]]],
  add: (states, inputs, row) => {
    row.at = '4:26'; const state1 = accumulator1.add(states[0] as never);
    row.at = '4:45'; const state2 = accumulator2.add(states[1] as never, inputs[0] as never);
    row.at = '5:14'; const state3 = accumulator3.add(states[2] as never, inputs[1] as never);
    row.at = '5:46'; const state4 = accumulator4.add(states[3] as never, inputs[2] as never);
    return [state1, state2, state3, state4];
  },
  having: (key, results, row) => {
    return true;
  },
  write: ({ key, results }, row, { writer }) => {
    const key1 = key[0] as string;
    const key2 = key[1] as string;
    const result1 = results[0] as bigint;
    const result2 = results[1] as Decimal;
    const result3 = results[2] as Decimal;
    const result4 = results[3] as Decimal;
    row.at = '4:8';
    writeBytes(writer, bytes1);
    writeText(writer, key1);
    row.at = '4:16';
    writeBytes(writer, bytes2);
    writeText(writer, key2);
    row.at = '4:26';
    writeBytes(writer, bytes3);
    writeInteger(writer, result1);
    row.at = '4:45';
    writeBytes(writer, bytes4);
    writeDecimal(writer, result2);
    row.at = '5:8';
    writeBytes(writer, bytes5);
    writeDecimal(writer, roundDecimal(result3, 2));
    row.at = '5:46';
    writeBytes(writer, bytes6);
    writeDecimal(writer, result4);
    writeByte(writer, 0x7d);
  },
});

export const handler = tableHandler(salesByRegion);
