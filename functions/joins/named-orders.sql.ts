// Compiled from named-orders.sql by `npm run sql:compile`. Change that file, not this one.
import { z } from 'zod';
import { writeByte } from '../runtime/sql/json/json-writer.ts';
import { type Row } from '../runtime/sql/row/row.ts';
import { copied, copyRenamed } from '../runtime/sql/row/row-copy.ts';
import { sqlForeignJoin } from '../runtime/sql/sql-foreign-join.ts';
import { type EventAttributes, type Target } from '../runtime/sql/sql-transform.ts';
import { joinHandler } from '../table-state/join-handler.ts';
import { Order } from '../transforms/order-events.ts';
import { Customer } from '../transforms/customers.ts';

const columns1 = [
  copied(0, 'id', { type: 'text', nullable: false }),
];
const columns2 = [
  copied(1, 'key', { type: 'text', nullable: false }),
];
const columns3 = [
  copied(0, 'o.order_id', { type: 'text', nullable: false }),
];
const columns4 = [
  copied(2, 'o.status', { type: 'text', nullable: false }),
];
const columns5 = [
  copied(3, 'o.sales', { type: 'numeric', nullable: false }),
];
const columns6 = [
  copied(0, 'key', { type: 'text', nullable: false }),
];
const columns7 = [
  copied(1, 'c.name', { type: 'text', nullable: true }),
];
const columns8 = [
  copied(2, 'c.city', { type: 'text', nullable: true }),
];
const columns9 = [
  copied(0, 'order_id', { type: 'text', nullable: false }),
];
const columns10 = [
  copied(1, 'status', { type: 'text', nullable: false }),
];
const columns11 = [
  copied(2, 'sales', { type: 'numeric', nullable: false }),
];
const columns12 = [
  copied(3, 'name', { type: 'text', nullable: true }),
];
const columns13 = [
  copied(4, 'city', { type: 'text', nullable: true }),
];

/**
 * -- schema orders: ../transforms/order-events.ts#Order
 * -- schema customers: ../transforms/customers.ts#Customer
 * -- key orders: order_id
 * -- The latest row of each order, with its customer as it is by now: it changes when either of them does.
 * CREATE TABLE named_orders AS
 * SELECT o.order_id, o.status, o.sales, c.name, c.city
 * FROM orders AS o
 * LEFT JOIN customers AS c ON c.customer_id = o.customer_id
 */
export const namedOrders = sqlForeignJoin({
  entry: import.meta.url,
  file: 'named-orders.sql',
  streams: { left: 'orders', right: 'customers' },
  kind: 'left',
  key: ['order_id'],
  foreignKeys: 1,
  shape: 'join 1 of orders with 88163bc5061c by 26381645fc12: o.order_id text, o.sales numeric, o.status text; customers by 26381645fc12: c.city text, c.name text',
  inputs: {
    orders: Order,
    customers: Customer,
  },
  row: z.object({
    order_id: Order.shape.order_id,
    status: Order.shape.status,
    sales: Order.shape.sales,
    name: z.string().nullable(),
    city: z.string().nullable(),
  }),
  left: {
    columns: ['order_id', 'customer_id', 'status', 'sales'],
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
  leftDeleted: {
    columns: ['order_id'],
    select: (row: Row, event: EventAttributes, target: Target) => {
      const { writer } = target;
      writeByte(writer, 0x7b);
      copyRenamed(writer, row, columns1);
      writeByte(writer, 0x7d);
      target.emit(undefined);
    },
  },
  right: {
    columns: ['customer_id', 'name', 'city'],
    select: (row: Row, event: EventAttributes, target: Target) => {
      const { writer } = target;
      writeByte(writer, 0x7b);
      copyRenamed(writer, row, columns6);
      writeByte(writer, 0x2c);
      copyRenamed(writer, row, columns7);
      writeByte(writer, 0x2c);
      copyRenamed(writer, row, columns8);
      writeByte(writer, 0x7d);
      target.emit(undefined);
    },
  },
  rightDeleted: {
    columns: ['customer_id'],
    select: (row: Row, event: EventAttributes, target: Target) => {
      const { writer } = target;
      writeByte(writer, 0x7b);
      copyRenamed(writer, row, columns6);
      writeByte(writer, 0x7d);
      target.emit(undefined);
    },
  },
  joined: {
    columns: ['o.order_id', 'o.status', 'o.sales', 'c.name', 'c.city'],
    select: (row: Row, event: EventAttributes, target: Target) => {
      const { writer } = target;
      writeByte(writer, 0x7b);
      copyRenamed(writer, row, columns9);
      writeByte(writer, 0x2c);
      copyRenamed(writer, row, columns10);
      writeByte(writer, 0x2c);
      copyRenamed(writer, row, columns11);
      writeByte(writer, 0x2c);
      copyRenamed(writer, row, columns12);
      writeByte(writer, 0x2c);
      copyRenamed(writer, row, columns13);
      writeByte(writer, 0x7d);
      target.emit(undefined);
    },
  },
});

export const handler = joinHandler(namedOrders);
