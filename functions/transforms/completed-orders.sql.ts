// Compiled from completed-orders.sql by `npm run sql:compile`. Change that file, not this one.
import { z } from 'zod';
import { writeByte } from '../runtime/sql/json/json-writer.ts';
import { type Row } from '../runtime/sql/row/row.ts';
import { copied, copyColumns } from '../runtime/sql/row/row-copy.ts';
import { isTextAt } from '../runtime/sql/row/row-values.ts';
import { type EventAttributes, type Target, sqlTransform } from '../runtime/sql/sql-transform.ts';
import { transformHandler } from '../runtime/transform-handler.ts';
import { Order } from './order-events.ts';

const bytes1 = Buffer.from('COMPLETE');
const columns1 = [
  copied(1, 'row_id', { type: 'bigint', nullable: false }),
  copied(2, 'order_id', { type: 'text', nullable: false }),
  copied(0, 'status', { type: 'text', nullable: false }),
  copied(3, 'ordered', { type: 'date', nullable: false }),
  copied(4, 'shipped', { type: 'date', nullable: false }),
  copied(5, 'customer_id', { type: 'text', nullable: false }),
  copied(6, 'segment', { type: 'text', nullable: false }),
  copied(7, 'region', { type: 'text', nullable: false }),
  copied(8, 'state', { type: 'text', nullable: false }),
  copied(9, 'category', { type: 'text', nullable: false }),
  copied(10, 'product', { type: 'text', nullable: false }),
  copied(11, 'quantity', { type: 'bigint', nullable: false }),
  copied(12, 'sales', { type: 'numeric', nullable: false }),
  copied(13, 'discount', { type: 'numeric', nullable: false }),
  copied(14, 'profit', { type: 'numeric', nullable: false }),
];

/**
 * -- schema: ./order-events.ts#Order
 * CREATE STREAM completed AS
 * SELECT * FROM orders WHERE status = 'COMPLETE'
 */
export const completedOrders = sqlTransform({
  entry: import.meta.url,
  file: 'completed-orders.sql',
  streams: { from: 'orders', to: 'completed' },
  from: Order,
  to: z.object({
    row_id: Order.shape.row_id,
    order_id: Order.shape.order_id,
    status: Order.shape.status,
    ordered: Order.shape.ordered,
    shipped: Order.shape.shipped,
    customer_id: Order.shape.customer_id,
    segment: Order.shape.segment,
    region: Order.shape.region,
    state: Order.shape.state,
    category: Order.shape.category,
    product: Order.shape.product,
    quantity: Order.shape.quantity,
    sales: Order.shape.sales,
    discount: Order.shape.discount,
    profit: Order.shape.profit,
  }),
  columns: ['status', 'row_id', 'order_id', 'ordered', 'shipped', 'customer_id', 'segment', 'region', 'state', 'category', 'product', 'quantity', 'sales', 'discount', 'profit'],
  whereReads: 1,
  where: (row: Row, event: EventAttributes) => {
    return isTextAt(row, 0, bytes1);
  },
  select: (row: Row, event: EventAttributes, target: Target) => {
    const { writer } = target;
    writeByte(writer, 0x7b);
    copyColumns(writer, row, columns1);
    writeByte(writer, 0x7d);
    target.emit(undefined);
  },
});

export const handler = transformHandler(completedOrders);
