import { postgresSink } from '../../functions/sinks/postgres/postgres.ts';
import { s3Sink } from '../../functions/sinks/s3/s3.ts';
import { s3FilesSource } from '../../functions/sources/s3-files/s3-files.ts';
import { completedOrders } from '../../functions/transforms/completed-orders.sql.ts';
import { Order, OrderLine, orderEvents } from '../../functions/transforms/order-events.ts';
import { definePipeline, minutes } from './pipeline.ts';

/** Turns a shop's export into events, once. The lake and a table read them, each at its own position. */
export const orders = definePipeline({
  name: 'orders',
  streams: {
    lines: { schema: OrderLine, compression: 'zstd' },
    orders: { schema: Order, shards: 2, retentionDays: 7, compression: 'zstd' },
    completed: { schema: completedOrders.to, compression: 'zstd' },
  },
  sources: {
    exports: {
      read: s3FilesSource({
        schema: OrderLine,
        format: 'csv',
        type: 'line.exported',
        key: 'Order ID',
        prefix: 'orders/',
      }),
      to: 'lines',
    },
  },
  transforms: {
    'order-events': { from: 'lines', apply: orderEvents, to: 'orders' },
    'completed-orders': { from: 'orders', apply: completedOrders, to: 'completed' },
  },
  sinks: {
    lake: { from: 'orders', write: s3Sink({ prefix: 'orders', format: 'parquet', by: 'month' }), every: minutes(5) },
    completed_orders: {
      from: 'completed',
      write: postgresSink({ table: 'completed_orders', key: ['row_id'], create: true }),
    },
  },
});
