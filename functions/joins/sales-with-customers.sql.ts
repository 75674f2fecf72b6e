// Compiled from sales-with-customers.sql by `npm run sql:compile`. Change that file, not this one.
import { z } from 'zod';
import { writeByte } from '../runtime/sql/json/json-writer.ts';
import { type Row } from '../runtime/sql/row/row.ts';
import { copied, copyColumns, copyRenamed } from '../runtime/sql/row/row-copy.ts';
import { sqlJoin } from '../runtime/sql/sql-join.ts';
import { type EventAttributes, type Target } from '../runtime/sql/sql-transform.ts';
import { joinHandler } from '../table-state/join-handler.ts';
import { Sale } from '../transforms/shop-events.ts';
import { ShopCustomer } from '../transforms/shop-events.ts';

const columns1 = [
  copied(0, 'key', { type: 'text', nullable: false }),
];
const columns2 = [
  copied(1, 's.row_id', { type: 'bigint', nullable: false }),
];
const columns3 = [
  copied(2, 's.order_id', { type: 'text', nullable: false }),
];
const columns4 = [
  copied(3, 's.region', { type: 'text', nullable: false }),
];
const columns5 = [
  copied(4, 's.sales', { type: 'numeric', nullable: false }),
];
const columns6 = [
  copied(1, 'c.name', { type: 'text', nullable: false }),
];
const columns7 = [
  copied(2, 'c.segment', { type: 'text', nullable: false }),
];
const columns8 = [
  copied(0, 'row_id', { type: 'bigint', nullable: false }),
];
const columns9 = [
  copied(1, 'order_id', { type: 'text', nullable: false }),
];
const columns10 = [
  copied(2, 'region', { type: 'text', nullable: false }),
];
const columns11 = [
  copied(3, 'sales', { type: 'numeric', nullable: false }),
];
const columns12 = [
  copied(4, 'name', { type: 'text', nullable: true }),
  copied(5, 'segment', { type: 'text', nullable: true }),
];

/**
 * -- schema sales: ../transforms/shop-events.ts#Sale
 * -- schema customers: ../transforms/shop-events.ts#ShopCustomer
 * -- Each sold line of an order with its customer as it stands.
 * CREATE STREAM sales_with_customers AS
 * SELECT s.row_id, s.order_id, s.region, s.sales, c.name, c.segment
 * FROM sales AS s
 * LEFT JOIN customers AS c ON c.customer_id = s.customer_id
 */
export const salesWithCustomers = sqlJoin({
  entry: import.meta.url,
  file: 'sales-with-customers.sql',
  streams: { left: 'sales', right: 'customers', to: 'sales_with_customers' },
  kind: 'left',
  keys: ['customer_id'],
  inputs: {
    sales: Sale,
    customers: ShopCustomer,
  },
  to: z.object({
    row_id: Sale.shape.row_id,
    order_id: Sale.shape.order_id,
    region: Sale.shape.region,
    sales: Sale.shape.sales,
    name: ShopCustomer.shape.name.nullable(),
    segment: ShopCustomer.shape.segment.nullable(),
  }),
  left: {
    columns: ['customer_id', 'row_id', 'order_id', 'region', 'sales'],
    select: (row: Row, event: EventAttributes, target: Target) => {
      const { writer } = target;
      writeByte(writer, 0x7b);
      copyRenamed(writer, row, columns1);
      writeByte(writer, 0x2c);
      copyRenamed(writer, row, columns2);
      writeByte(writer, 0x2c);
      copyRenamed(writer, row, columns3);
      writeByte(writer, 0x2c);
      copyRenamed(writer, row, columns4);
      writeByte(writer, 0x2c);
      copyRenamed(writer, row, columns5);
      writeByte(writer, 0x7d);
      target.emit(undefined);
    },
  },
  right: {
    columns: ['customer_id', 'name', 'segment'],
    select: (row: Row, event: EventAttributes, target: Target) => {
      const { writer } = target;
      writeByte(writer, 0x7b);
      copyRenamed(writer, row, columns1);
      writeByte(writer, 0x2c);
      copyRenamed(writer, row, columns6);
      writeByte(writer, 0x2c);
      copyRenamed(writer, row, columns7);
      writeByte(writer, 0x7d);
      target.emit(undefined);
    },
  },
  deleted: {
    columns: ['customer_id'],
    select: (row: Row, event: EventAttributes, target: Target) => {
      const { writer } = target;
      writeByte(writer, 0x7b);
      copyRenamed(writer, row, columns1);
      writeByte(writer, 0x7d);
      target.emit(undefined);
    },
  },
  row: {
    columns: ['s.row_id', 's.order_id', 's.region', 's.sales', 'name', 'segment'],
    select: (row: Row, event: EventAttributes, target: Target) => {
      const { writer } = target;
      writeByte(writer, 0x7b);
      copyRenamed(writer, row, columns8);
      writeByte(writer, 0x2c);
      copyRenamed(writer, row, columns9);
      writeByte(writer, 0x2c);
      copyRenamed(writer, row, columns10);
      writeByte(writer, 0x2c);
      copyRenamed(writer, row, columns11);
      writeByte(writer, 0x2c);
      copyColumns(writer, row, columns12);
      writeByte(writer, 0x7d);
      target.emit(undefined);
    },
  },
});

export const handler = joinHandler(salesWithCustomers);
