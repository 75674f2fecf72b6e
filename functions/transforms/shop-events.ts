import { z } from 'zod';

/** A line of an order, sold just now. */
export const Sale = z.object({
  row_id: z.int(),
  order_id: z.string(),
  customer_id: z.string(),
  region: z.string(),
  category: z.string(),
  product: z.string(),
  quantity: z.int(),
  sales: z.number(),
  profit: z.number(),
  sold: z.iso.datetime(),
});

/** What the shop knows of a customer. */
export const ShopCustomer = z.object({
  customer_id: z.string(),
  name: z.string(),
  segment: z.string(),
  /** The sum of all that the customer has bought, in dollars. */
  spent: z.number(),
});

/** What a customer says about something that he bought. */
export const Rating = z.object({
  rating_id: z.int(),
  customer_id: z.string(),
  product: z.string(),
  stars: z.int().min(1).max(5),
  rated: z.iso.datetime(),
});
