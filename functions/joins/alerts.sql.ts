// Compiled from alerts.sql by `npm run sql:compile`. Change that file, not this one.
import { z } from 'zod';
import { integerFromJson } from '../runtime/sql/json/json-columns.ts';
import { writeByte } from '../runtime/sql/json/json-writer.ts';
import { compareDecimals, decimalFromText } from '../runtime/sql/numbers/decimals.ts';
import { type Row } from '../runtime/sql/row/row.ts';
import { copied, copyColumns, copyRenamed } from '../runtime/sql/row/row-copy.ts';
import { decimalAt, required, valueAt } from '../runtime/sql/row/row-values.ts';
import { sqlJoin } from '../runtime/sql/sql-join.ts';
import { type EventAttributes, type Target } from '../runtime/sql/sql-transform.ts';
import { joinHandler } from '../table-state/join-handler.ts';
import { Rating } from '../transforms/shop-events.ts';
import { ShopCustomer } from '../transforms/shop-events.ts';

const columns1 = [
  copied(1, 'key', { type: 'text', nullable: false }),
];
const columns2 = [
  copied(2, 'r.rating_id', { type: 'bigint', nullable: false }),
];
const columns3 = [
  copied(3, 'r.product', { type: 'text', nullable: false }),
];
const columns4 = [
  copied(0, 'r.stars', { type: 'integer', nullable: false }),
];
const columns5 = [
  copied(0, 'key', { type: 'text', nullable: false }),
];
const columns6 = [
  copied(1, 'c.name', { type: 'text', nullable: false }),
];
const columns7 = [
  copied(2, 'c.spent', { type: 'numeric', nullable: false }),
];
const numeric1 = decimalFromText('5000');
const columns8 = [
  copied(1, 'rating_id', { type: 'bigint', nullable: false }),
];
const columns9 = [
  copied(2, 'name', { type: 'text', nullable: false }),
  copied(0, 'spent', { type: 'numeric', nullable: false }),
];
const columns10 = [
  copied(3, 'stars', { type: 'integer', nullable: false }),
];
const columns11 = [
  copied(4, 'product', { type: 'text', nullable: false }),
];

/**
 * -- schema ratings: ../transforms/shop-events.ts#Rating
 * -- schema customers: ../transforms/shop-events.ts#ShopCustomer
 * -- Bad ratings by the best customers: somebody should call them.
 * CREATE STREAM alerts AS
 * SELECT r.rating_id, c.name, c.spent, r.stars, r.product
 * FROM ratings AS r
 * JOIN customers AS c ON c.customer_id = r.customer_id
 * WHERE r.stars <= 2 AND c.spent >= 5000
 */
export const alerts = sqlJoin({
  entry: import.meta.url,
  file: 'alerts.sql',
  streams: { left: 'ratings', right: 'customers', to: 'alerts' },
  kind: 'inner',
  keys: ['customer_id'],
  inputs: {
    ratings: Rating,
    customers: ShopCustomer,
  },
  to: z.object({
    rating_id: Rating.shape.rating_id,
    name: ShopCustomer.shape.name,
    spent: ShopCustomer.shape.spent,
    stars: Rating.shape.stars,
    product: Rating.shape.product,
  }),
  left: {
    columns: ['stars', 'customer_id', 'rating_id', 'product'],
    whereReads: 1,
    where: (row: Row, event: EventAttributes) => {
      const stars$ = required(row, 0, valueAt(row, 0, { type: 'integer', read: integerFromJson }));
      return ((row.at = '8:7'), (stars$ <= 2));
    },
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
    columns: ['customer_id', 'name', 'spent'],
    select: (row: Row, event: EventAttributes, target: Target) => {
      const { writer } = target;
      writeByte(writer, 0x7b);
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
      copyRenamed(writer, row, columns5);
      writeByte(writer, 0x7d);
      target.emit(undefined);
    },
  },
  row: {
    columns: ['spent', 'r.rating_id', 'name', 'r.stars', 'r.product'],
    whereReads: 1,
    where: (row: Row, event: EventAttributes) => {
      const spent$2 = required(row, 0, decimalAt(row, 0));
      return ((row.at = '8:24'), (compareDecimals(spent$2, numeric1) >= 0));
    },
    select: (row: Row, event: EventAttributes, target: Target) => {
      const { writer } = target;
      writeByte(writer, 0x7b);
      copyRenamed(writer, row, columns8);
      writeByte(writer, 0x2c);
      copyColumns(writer, row, columns9);
      writeByte(writer, 0x2c);
      copyRenamed(writer, row, columns10);
      writeByte(writer, 0x2c);
      copyRenamed(writer, row, columns11);
      writeByte(writer, 0x7d);
      target.emit(undefined);
    },
  },
});

export const handler = joinHandler(alerts);
