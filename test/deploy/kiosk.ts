import { salesWithCustomers } from '../../functions/joins/sales-with-customers.sql.ts';
import { BasketRow, basket, CartEvent } from '../../functions/tables/basket.ts';
import { salesByQuarter } from '../../functions/tables/sales-by-quarter.sql.ts';
import { Sale, ShopCustomer } from '../../functions/transforms/shop-events.ts';
import { definePipeline } from '../../infra/pipelines/pipeline.ts';

/**
 * A table with a change stream, one of final windows, and a join of a stream with a table: five steps that read
 * streams, which the emulated AWS can feed beside those of the other pipelines. The suite deploys a copy of this file
 * from infra/pipelines, so its imports begin at the repository's root.
 */
export const kiosk = definePipeline({
  name: 'kiosk',
  streams: {
    cart: { schema: CartEvent },
    basket_changes: { schema: BasketRow },
    sales: { schema: Sale },
    customers: { schema: ShopCustomer },
    quarters: { schema: salesByQuarter.row },
    sales_with_customers: { schema: salesWithCustomers.to },
  },
  tables: {
    basket: { from: 'cart', keep: basket, changes: 'basket_changes' },
    sales_by_quarter: { from: 'sales', keep: salesByQuarter, changes: 'quarters' },
  },
  joins: {
    'name-sales': {
      from: { sales: 'sales', customers: 'customers' },
      apply: salesWithCustomers,
      to: 'sales_with_customers',
    },
  },
});
