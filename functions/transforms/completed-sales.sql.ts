// Compiled from completed-sales.sql by `npm run sql:compile`. Change that file, not this one.
import { z } from 'zod';
import { writeByte } from '../runtime/sql/json/json-writer.ts';
import { type Row } from '../runtime/sql/row/row.ts';
import { copied, copyColumns } from '../runtime/sql/row/row-copy.ts';
import { isTextAt, required, textAt } from '../runtime/sql/row/row-values.ts';
import { type EventAttributes, type Target, checkedKey, sqlTransform } from '../runtime/sql/sql-transform.ts';
import { transformHandler } from '../runtime/transform-handler.ts';
import { Order } from './order-events.ts';

const bytes1 = Buffer.from('COMPLETE');
const columns1 = [
  copied(1, 'row_id', { type: 'bigint', nullable: false }),
  copied(2, 'region', { type: 'text', nullable: false }),
  copied(3, 'category', { type: 'text', nullable: false }),
  copied(4, 'sales', { type: 'numeric', nullable: false }),
  copied(5, 'profit', { type: 'numeric', nullable: false }),
];

/**
 * -- schema: ./order-events.ts#Order
 * -- Keys completed order lines by region, so that one shard has all sales of a region.
 * CREATE STREAM sales AS
 * SELECT row_id, region, category, sales, profit
 * FROM orders
 * WHERE status = 'COMPLETE'
 * PARTITION BY region
 */
export const completedSales = sqlTransform({
  entry: import.meta.url,
  file: 'completed-sales.sql',
  streams: { from: 'orders', to: 'sales' },
  from: Order,
  to: z.object({
    row_id: Order.shape.row_id,
    region: Order.shape.region,
    category: Order.shape.category,
    sales: Order.shape.sales,
    profit: Order.shape.profit,
  }),
  columns: ['status', 'row_id', 'region', 'category', 'sales', 'profit'],
  whereReads: 1,
  where: (row: Row, event: EventAttributes) => {
    return isTextAt(row, 0, bytes1);
  },
  select: (row: Row, event: EventAttributes, target: Target) => {
    const { writer } = target;
    const region$ = required(row, 2, textAt(row, 2));
    writeByte(writer, 0x7b);
    copyColumns(writer, row, columns1);
    writeByte(writer, 0x7d);
    row.at = '7:14';
    target.emit(checkedKey(region$));
  },
});

export const handler = transformHandler(completedSales);
