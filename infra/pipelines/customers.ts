import { ordersWithCustomers } from '../../functions/joins/orders-with-customers.sql.ts';
import { postgresSink } from '../../functions/sinks/postgres/postgres.ts';
import { s3Sink } from '../../functions/sinks/s3/s3.ts';
import { postgresChangesSource } from '../../functions/sources/postgres-changes/postgres-changes.ts';
import { Customer } from '../../functions/transforms/customers.ts';
import { orders } from './orders.ts';
import { definePipeline, minutes, streamOf } from './pipeline.ts';

/**
 * Follows the customers in the database of another program, a CRM, by its log. A mirror of the table, an archive of all
 * changes and a join with the completed orders read one stream. `millrace dev` and the demo have such a table; on AWS
 * it is yours.
 */
export const customers = definePipeline({
  name: 'customers',
  onlyWithDatabase: 'crm',
  streams: {
    customers: { schema: Customer },
    completed: streamOf(orders, 'completed'),
    orders_with_customers: { schema: ordersWithCustomers.to },
  },
  sources: {
    crm: {
      read: postgresChangesSource({ tables: ['crm.customers'], database: 'crm', create: true }),
      to: 'customers',
    },
  },
  joins: {
    'name-orders': {
      from: { orders: 'completed', customers: 'customers' },
      apply: ordersWithCustomers,
      to: 'orders_with_customers',
    },
  },
  sinks: {
    mirror: {
      from: 'customers',
      // Three readers are more than a shard serves.
      fanOut: true,
      write: postgresSink({ table: 'customers', key: ['customer_id'], mode: 'mirror', create: true }),
    },
    archive: { from: 'customers', write: s3Sink({ prefix: 'customers', by: 'month' }), every: minutes(5) },
    named_orders: {
      from: 'orders_with_customers',
      write: s3Sink({ prefix: 'orders_with_customers', by: 'month' }),
      every: minutes(5),
    },
  },
});
