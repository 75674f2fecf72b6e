import { z } from 'zod';
import { defineTransform } from '../runtime/transform.ts';
import { transformHandler } from '../runtime/transform-handler.ts';
import { OrderLine } from './order-events.ts';

/** What the shop knows of a customer. */
export const Customer = z.object({
  customer_id: z.string(),
  name: z.string(),
  segment: z.enum(['Consumer', 'Corporate', 'Home Office']),
  city: z.string(),
});

/** Makes the customer of a line of the export. The latest one of each key is the customer's row. */
export const customers = defineTransform({
  entry: import.meta.url,
  from: OrderLine,
  to: Customer,
  apply: ({ data: line }) => {
    const customer = Customer.parse({
      customer_id: line['Customer ID'],
      name: line['Customer Name'],
      segment: line.Segment,
      city: line.City,
    });
    return [{ type: 'customer.changed', key: customer.customer_id, data: customer }];
  },
});

export const handler = transformHandler(customers);
