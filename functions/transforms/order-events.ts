import { z } from 'zod';
import { defineTransform } from '../runtime/transform.ts';
import { transformHandler } from '../runtime/transform-handler.ts';

/** A line of an order, as the shop's export has it. */
export const OrderLine = z.object({
  'Row ID': z.int(),
  'Order ID': z.string(),
  'Order Date': z.iso.date(),
  'Ship Date': z.iso.date(),
  'Ship Mode': z.string(),
  'Customer ID': z.string(),
  'Customer Name': z.string(),
  Segment: z.string(),
  Country: z.string(),
  City: z.string(),
  State: z.string(),
  /** A text, because a code may begin with 0. */
  'Postal Code': z.string(),
  Region: z.string(),
  'Product ID': z.string(),
  Category: z.string(),
  'Sub-Category': z.string(),
  'Product Name': z.string(),
  Sales: z.number(),
  Quantity: z.int(),
  Discount: z.number(),
  Profit: z.number(),
});

/** Everything about a line of an order at the moment when its status changed. */
export const Order = z.object({
  row_id: z.int(),
  order_id: z.string(),
  status: z.enum(['PENDING', 'COMPLETE']),
  ordered: z.iso.date(),
  shipped: z.iso.date(),
  customer_id: z.string(),
  segment: z.string(),
  region: z.string(),
  state: z.string(),
  category: z.string(),
  product: z.string(),
  quantity: z.int(),
  sales: z.number(),
  discount: z.number(),
  profit: z.number(),
});

/** Makes two events of a line of the export: an order was placed on one day, and completed on another. */
export const orderEvents = defineTransform({
  entry: import.meta.url,
  from: OrderLine,
  to: Order,
  apply: ({ data: line }) => {
    const order = {
      row_id: line['Row ID'],
      order_id: line['Order ID'],
      ordered: line['Order Date'],
      shipped: line['Ship Date'],
      customer_id: line['Customer ID'],
      segment: line.Segment,
      region: line.Region,
      state: line.State,
      category: line.Category,
      product: line['Product Name'],
      quantity: line.Quantity,
      sales: line.Sales,
      discount: line.Discount,
      profit: line.Profit,
    };
    const key = order.order_id;
    return [
      { type: 'order.placed', key, time: midnight(order.ordered), data: { ...order, status: 'PENDING' } },
      { type: 'order.completed', key, time: midnight(order.shipped), data: { ...order, status: 'COMPLETE' } },
    ];
  },
});

export const handler = transformHandler(orderEvents);

function midnight(day: string): string {
  return `${day}T00:00:00Z`;
}
