import { alerts } from '../../functions/joins/alerts.sql.ts';
import { salesWithCustomers } from '../../functions/joins/sales-with-customers.sql.ts';
import { postgresSink } from '../../functions/sinks/postgres/postgres.ts';
import { httpSource } from '../../functions/sources/http/http.ts';
import { BasketRow, basket, CartEvent } from '../../functions/tables/basket.ts';
import { regionQuarters } from '../../functions/tables/region-quarters.sql.ts';
import { Rating, Sale, ShopCustomer } from '../../functions/transforms/shop-events.ts';
import { definePipeline } from './pipeline.ts';

/**
 * Answers what a shop asks all day: what is in the baskets now, what does each region sell in each quarter of an
 * hour, who bought it, and which of the best customers should somebody call? The changes of the baskets are a stream
 * again, from which others keep a copy.
 */
export const shop = definePipeline({
  name: 'shop',
  streams: {
    cart: { schema: CartEvent, idempotent: true },
    basket_changes: { schema: BasketRow },
    sales: { schema: Sale, idempotent: true },
    customers: { schema: ShopCustomer },
    ratings: { schema: Rating, idempotent: true },
    sales_with_customers: { schema: salesWithCustomers.to },
    alerts: { schema: alerts.to },
  },
  sources: {
    // Site, till and reviews send CloudEvents with a sequence, so an event that is sent again counts once.
    site: { read: httpSource({ schema: CartEvent, type: 'item.added', key: 'customer_id' }), to: 'cart' },
    till: { read: httpSource({ schema: Sale, type: 'line.sold', key: 'region', time: 'sold' }), to: 'sales' },
    reviews: {
      read: httpSource({ schema: Rating, type: 'product.rated', key: 'customer_id', time: 'rated' }),
      to: 'ratings',
    },
    crm: { read: httpSource({ schema: ShopCustomer, type: 'customer.changed', key: 'customer_id' }), to: 'customers' },
  },
  tables: {
    basket: { from: 'cart', keep: basket, changes: 'basket_changes' },
    region_quarters: { from: 'sales', keep: regionQuarters },
  },
  joins: {
    'name-sales': {
      from: { sales: 'sales', customers: 'customers' },
      apply: salesWithCustomers,
      to: 'sales_with_customers',
    },
    alert: { from: { ratings: 'ratings', customers: 'customers' }, apply: alerts, to: 'alerts' },
  },
  sinks: {
    basket_copy: {
      from: 'basket_changes',
      write: postgresSink({ table: 'basket_copy', key: ['customer_id', 'item'], mode: 'mirror', create: true }),
    },
    named_sales: {
      from: 'sales_with_customers',
      write: postgresSink({ table: 'sales_with_customers', key: ['row_id'], create: true }),
    },
    calls: { from: 'alerts', write: postgresSink({ table: 'alerts', key: ['rating_id'], create: true }) },
  },
});
