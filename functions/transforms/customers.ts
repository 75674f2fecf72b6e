import { z } from 'zod';

/**
 * A row of crm.customers, as `millrace schema from-table` writes it. A deletion has the columns of the key alone.
 */
export const Customer = z.object({
  customer_id: z.string(),
  name: z.string().optional(),
  segment: z.string().optional(),
  city: z.string().optional(),
  credit: z.number().meta({ sql: 'numeric' }).optional(),
  changed: z.iso.datetime().optional(),
});
