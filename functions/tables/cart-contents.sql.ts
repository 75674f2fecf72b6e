// Compiled from cart-contents.sql by `npm run sql:compile`. Change that file, not this one.
import { z } from 'zod';
import { greatestOf } from '../runtime/sql/aggregates/extremes.ts';
import { joinedIdentity } from '../runtime/sql/aggregates/identity.ts';
import { sumOfBigints } from '../runtime/sql/aggregates/sums.ts';
import { bigintFromJson } from '../runtime/sql/json/json-columns.ts';
import { quotedTimestamptz, writeByte, writeBytes, writeDecimal, writeString, writeText } from '../runtime/sql/json/json-writer.ts';
import { type Decimal, compareDecimals, decimalFromText, decimalText } from '../runtime/sql/numbers/decimals.ts';
import { compareBigints, negateBigint } from '../runtime/sql/numbers/integers.ts';
import { repeatedTextAt, repeatedTexts } from '../runtime/sql/row/repeated-texts.ts';
import { required, valueAt } from '../runtime/sql/row/row-values.ts';
import { sqlTable } from '../runtime/sql/sql-table.ts';
import { sameText } from '../runtime/sql/text/text.ts';
import { timestamptzFromText, timestamptzText } from '../runtime/sql/time/timestamps.ts';
import { tableHandler } from '../table-state/table-handler.ts';
import { CartEvent } from './basket.ts';

const numeric1 = decimalFromText('0');
const accumulator1 = greatestOf(compareBigints);
const accumulator2 = sumOfBigints;
const bytes1 = Buffer.from('{"customer_id":');
const bytes2 = Buffer.from(',"item":');
const bytes3 = Buffer.from(',"changed":');
const bytes4 = Buffer.from(',"quantity":');
const texts1 = repeatedTexts();

/**
 * -- schema: ./basket.ts#CartEvent
 * -- Keeps what is in each customer's basket now: the same as basket.ts, in SQL.
 * CREATE TABLE cart_contents AS
 * SELECT customer_id, item, max(time) AS changed,
 *        sum(CASE type WHEN 'item.removed' THEN -quantity ELSE quantity END) AS quantity
 * FROM cart
 * GROUP BY customer_id, item
 * HAVING sum(CASE type WHEN 'item.removed' THEN -quantity ELSE quantity END) > 0
 */
export const cartContents = sqlTable({
  entry: import.meta.url,
  file: 'cart-contents.sql',
  streams: { from: 'cart' },
  from: CartEvent,
  row: z.object({
    customer_id: CartEvent.shape.customer_id,
    item: CartEvent.shape.item,
    changed: z.string().meta({ sql: 'timestamptz' }),
    quantity: z.number().meta({ sql: 'numeric' }),
  }),
  key: ['customer_id', 'item'],
  shape: 'max(timestamptz), sum(bigint) (4b97a2ec2991)',
  shown: 'a3b9032242ba',
  parts: { 'GROUP BY': 'customer_id, item', aggregates: 'max(time), sum(CASE WHEN type = \'item.removed\' THEN -quantity ELSE quantity END)' },
  isGrowing: false,
  staysWhole: false,
  keyColumns: [[sameText, sameText], [sameText, sameText]],
  columns: ['customer_id', 'item', 'quantity'],
  collect: (row, event, take) => {
    const customerId$ = required(row, 0, repeatedTextAt(row, 0, texts1));
    const column1$ = required(row, 1, repeatedTextAt(row, 1, texts1));
    const eventTime = timestamptzFromText(event.time);
    const eventType = event.type;
    const quantity$ = required(row, 2, valueAt(row, 2, { type: 'bigint', read: bigintFromJson }));
    row.at = '7:10'; const key1 = customerId$;
    row.at = '7:23'; const key2 = column1$;
    row.at = '4:31'; const input1_1 = eventTime;
    row.at = '5:12'; const input2_1 = (eventType === 'item.removed') ? negateBigint(quantity$) : quantity$;
    take(joinedIdentity([key1, key2]), [key1, key2], [input1_1, input2_1]);
  },
  accumulators: [accumulator1, accumulator2],
  stateTexts: [[[timestamptzText, timestamptzFromText]], [[decimalText, decimalFromText]]],
  add: (states, inputs, row) => {
    row.at = '4:27'; const state1 = accumulator1.add(states[0] as never, inputs[0] as never);
    row.at = '5:8'; const state2 = accumulator2.add(states[1] as never, inputs[1] as never);
    return [state1, state2];
  },
  having: (key, results, row) => {
    const result2 = results[1] as Decimal;
    row.at = '8:8';
    return (compareDecimals(result2, numeric1) > 0) === true;
  },
  write: ({ key, results }, row, { writer }) => {
    const key1 = key[0] as string;
    const key2 = key[1] as string;
    const result1 = results[0] as bigint;
    const result2 = results[1] as Decimal;
    row.at = '4:8';
    writeBytes(writer, bytes1);
    writeText(writer, key1);
    row.at = '4:21';
    writeBytes(writer, bytes2);
    writeText(writer, key2);
    row.at = '4:27';
    writeBytes(writer, bytes3);
    writeString(writer, quotedTimestamptz(result1));
    row.at = '5:8';
    writeBytes(writer, bytes4);
    writeDecimal(writer, result2);
    writeByte(writer, 0x7d);
  },
});

export const handler = tableHandler(cartContents);
