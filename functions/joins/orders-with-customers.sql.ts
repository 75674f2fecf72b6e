// Compiled from orders-with-customers.sql by `npm run sql:compile`. Change that file, not this one.
import { z } from 'zod';
import { writeByte } from '../runtime/sql/json/json-writer.ts';
import { type Row } from '../runtime/sql/row/row.ts';
import { copied, copyColumns, copyRenamed } from '../runtime/sql/row/row-copy.ts';
import { sqlJoin } from '../runtime/sql/sql-join.ts';
import { type EventAttributes, type Target } from '../runtime/sql/sql-transform.ts';
import { joinHandler } from '../table-state/join-handler.ts';
import { Order } from '../transforms/order-events.ts';
import { Customer } from '../transforms/customers.ts';

const columns1 = [
  copied(0, 'key', { type: 'text', nullable: false }),
];
const columns2 = [
  copied(1, 'o.order_id', { type: 'text', nullable: false }),
];
const columns3 = [
  copied(2, 'o.status', { type: 'text', nullable: false }),
];
const columns4 = [
  copied(3, 'o.sales', { type: 'numeric', nullable: false }),
];
const columns5 = [
  copied(1, 'c.name', { type: 'text', nullable: true }),
];
const columns6 = [
  copied(2, 'c.segment', { type: 'text', nullable: true }),
];
const columns7 = [
  copied(3, 'c.city', { type: 'text', nullable: true }),
];
const columns8 = [
  copied(0, 'order_id', { type: 'text', nullable: false }),
];
const columns9 = [
  copied(1, 'status', { type: 'text', nullable: false }),
];
const columns10 = [
  copied(2, 'sales', { type: 'numeric', nullable: false }),
];
const columns11 = [
  copied(3, 'name', { type: 'text', nullable: true }),
  copied(4, 'city', { type: 'text', nullable: true }),
  copied(5, 'segment', { type: 'text', nullable: true }),
];

/**
 * -- schema orders: ../transforms/order-events.ts#Order
 * -- schema customers: ../transforms/customers.ts#Customer
 * -- Each order with its customer as it stands. An order whose customer is not known yet has no name and no city.
 * CREATE STREAM orders_with_customers AS
 * SELECT o.order_id, o.status, o.sales, c.name, c.city, c.segment
 * FROM orders AS o
 * LEFT JOIN customers AS c ON c.customer_id = o.customer_id
 */
export const ordersWithCustomers = sqlJoin({
  entry: import.meta.url,
  file: 'orders-with-customers.sql',
  streams: { left: 'orders', right: 'customers', to: 'orders_with_customers' },
  kind: 'left',
  keys: ['customer_id'],
  inputs: {
    orders: Order,
    customers: Customer,
  },
  to: z.object({
    order_id: Order.shape.order_id,
    status: Order.shape.status,
    sales: Order.shape.sales,
    name: z.string().nullable(),
    city: z.string().nullable(),
    segment: z.string().nullable(),
  }),
  left: {
    columns: ['customer_id', 'order_id', 'status', 'sales'],
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
      writeByte(writer, 0x7d);
      target.emit(undefined);
    },
  },
  right: {
    columns: ['customer_id', 'name', 'segment', 'city'],
    select: (row: Row, event: EventAttributes, target: Target) => {
      const { writer } = target;
      writeByte(writer, 0x7b);
      copyRenamed(writer, row, columns1);
      writeByte(writer, 0x2c);
      copyRenamed(writer, row, columns5);
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
    columns: ['o.order_id', 'o.status', 'o.sales', 'name', 'city', 'segment'],
    select: (row: Row, event: EventAttributes, target: Target) => {
      const { writer } = target;
      writeByte(writer, 0x7b);
      copyRenamed(writer, row, columns8);
      writeByte(writer, 0x2c);
      copyRenamed(writer, row, columns9);
      writeByte(writer, 0x2c);
      copyRenamed(writer, row, columns10);
      writeByte(writer, 0x2c);
      copyColumns(writer, row, columns11);
      writeByte(writer, 0x7d);
      target.emit(undefined);
    },
  },
});

export const handler = joinHandler(ordersWithCustomers);
